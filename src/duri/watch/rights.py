"""Why another process's root may not be looked at, and which right would change that.

Guarantees: only explains; nothing is tried again another way. What the kernel asks for is ptrace's
"read" access with the file system's user (ptrace(2), "Ptrace access mode checking"), so Yama's
`ptrace_scope`, which restricts attaching, has no say in it.
"""

import os

import msgspec

from duri.errors import UnverifiableError

_SYS_PTRACE = 1 << 19


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a process runs as: real, effective and saved user and group, and its capabilities."""

    users: frozenset[int]
    groups: frozenset[int]
    effective: int
    permitted: int


def credentials(pid: int | str) -> Credentials:
    """Read whom a process runs as; `self` is this process.

    Raises:
        OSError: that may not be known.
    """
    fields: dict[bytes, bytes] = {}
    with open(f"/proc/{pid}/status", "rb") as file:
        for line in file:
            name, _, value = line.partition(b":")
            fields[name] = value
    return Credentials(
        users=frozenset(int(word) for word in fields[b"Uid"].split()[:3]),
        groups=frozenset(int(word) for word in fields[b"Gid"].split()[:3]),
        effective=int(fields[b"CapEff"], 16),
        permitted=int(fields[b"CapPrm"], 16),
    )


def refusal(process: str, pid: int, error: OSError) -> UnverifiableError:
    """Return the error that says which right is missing to look at a process."""
    if not isinstance(error, PermissionError):
        return UnverifiableError(
            "the target's root cannot be looked at", where=process, got=str(error)
        )
    try:
        ours, theirs = credentials("self"), credentials(pid)
    except OSError:
        got, todo = "whom it runs as is hidden too (hidepid)", _todo(None)
    else:
        got, todo = missing(ours, theirs)
    return UnverifiableError(
        "the watcher may not look at the target's root",
        where=process,
        expected="the right to read /proc/PID/root",
        got=f"{os.strerror(error.errno or 0)}: {got}",
        todo=todo,
    )


def missing(ours: Credentials, theirs: Credentials) -> tuple[str, str]:
    """Return why the kernel refuses, and what would help."""
    if ours.effective & _SYS_PTRACE:
        return (
            (
                "the watcher has CAP_SYS_PTRACE, so another user namespace or a security module "
                "(AppArmor, SELinux) refuses"
            ),
            "Run both in one user namespace, under profiles that allow ptrace read.",
        )
    user, group = min(theirs.users), min(theirs.groups)
    if len(theirs.users) > 1 or len(theirs.groups) > 1:
        return (
            (
                f"the target runs as several users {_listed(theirs.users)} "
                f"or groups {_listed(theirs.groups)}"
            ),
            "Add CAP_SYS_PTRACE.",
        )
    if ours.users != theirs.users or ours.groups != theirs.groups:
        return (
            (
                f"the target runs as {user}:{group}, "
                f"the watcher as {_listed(ours.users)}:{_listed(ours.groups)}"
            ),
            _todo(f"{user}:{group}"),
        )
    if theirs.permitted & ~ours.effective:
        return (
            "the target holds capabilities that the watcher does not",
            "Drop them from the target, or add CAP_SYS_PTRACE to the watcher.",
        )
    return (
        (
            "the target forbids it to its own user (it is not dumpable), or runs in another user "
            "namespace"
        ),
        "Add CAP_SYS_PTRACE.",
    )


def _todo(user: str | None) -> str:
    whom = "as the user that the target runs as" if user is None else f"as {user} like the target"
    return f"Run the watcher {whom}, or add CAP_SYS_PTRACE."


def _listed(numbers: frozenset[int]) -> str:
    return ",".join(map(str, sorted(numbers)))
