"""What to do next about a verdict, as steps that a tired engineer can follow.

Guarantees: each step is one sentence and the commands for it, complete and quoted for a shell;
every command is one that DuRi or any POSIX system has; evidence is kept before anything is
replaced; a spike is looked at before anything is rolled back. Steps advise, they run nothing.
"""

import re
from collections.abc import Sequence

from duri.verdict import Kind, Status, Verdict

Step = tuple[str, ...]
"""A sentence, then the commands that carry it out."""

_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-")

_REMEDIES: dict[Kind, str] = {
    Kind.ROOT_UNUSABLE: "Check that the root is mounted and is the folder that was sealed.",
    Kind.ARTIFACTS_MISSING: (
        "Check that the root is right; artifacts kept elsewhere are named with --artifacts."
    ),
    Kind.KEYRING_UNUSABLE: (
        "Check that the keyring is mounted, readable for this user only, and named by --keyring."
    ),
    Kind.UNREADABLE: "Run the check as a user who may read every file that was sealed.",
    Kind.IO_ERROR: "Suspect the disk or the network file system; its errors are in the kernel log.",
    Kind.SCAN_INCOMPLETE: "Find what ended the scan: a timeout, a signal, memory.",
    Kind.SCHEMA_UNKNOWN: "Verify with a DuRi at least as new as the one that sealed the release.",
    Kind.HASH_UNKNOWN: "Verify with a DuRi at least as new as the one that sealed the release.",
    Kind.CLOCK_BEHIND: "Set this machine's clock; a clock that was set back revives expired keys.",
    Kind.STATE_UNUSABLE: "Check the folder in which DuRi keeps what it saw before.",
    Kind.SETTING_UNUSABLE: "Correct the setting; `duri settings` shows where each came from.",
}

_NOT_OF_THE_GATE = re.compile(r" --(?:mode \S+|algorithm \S+|from-archive)(?= |$)")

_KEY_KINDS = frozenset({Kind.SIGNATURE_UNTRUSTED, Kind.SIGNATURE_MISSING})


def next_steps(verdict: Verdict, *, again: str | None = None) -> Sequence[Step]:
    """Return the steps for the verdict's status; none where it is verified.

    Args:
        verdict: what was found.
        again: the command that was run, shell-quoted; `duri verify ROOT` by default.
    """
    # A root that starts with a dash is no option.
    root = quoted(f"./{verdict.root}" if verdict.root.startswith("-") else verdict.root)
    again = again or f"duri verify {root}"
    if verdict.status is Status.VERIFIED:
        return ()
    if verdict.status is Status.UNVERIFIABLE:
        return _unverifiable(verdict, again)
    if verdict.status is Status.POLICY_CHANGED:
        return _policy_changed(root)
    return _broken(verdict, root, again)


def quoted(text: str) -> str:
    """Return `text` as one word of a shell; what is not printable as `$'…'` escapes."""
    if text and _SAFE.issuperset(text):
        return text
    if text.isprintable():
        return "'" + text.replace("'", "'\\''") + "'"
    data = text.encode("utf-8", "surrogateescape")
    return "$'" + "".join(_ansi_c(byte) for byte in data) + "'"


def _with(command: str, flag: str) -> str:
    """Return the command with a flag more, in front of ROOT, which may stand behind a `--`."""
    verb = "duri verify"
    if command.startswith(f"{verb} "):
        return f"{verb} {flag}{command.removeprefix(verb)}"
    return f"{command} {flag}"


def _gate(command: str) -> str:
    """Return the gate that checks what this verification checked; it has no mode but strict."""
    options = _NOT_OF_THE_GATE.sub("", command.removeprefix("duri verify"))
    return f"duri gate{options}"


def _ansi_c(byte: int) -> str:
    # Octal takes three digits at the most, so a digit that follows is never drawn in.
    return chr(byte) if chr(byte) in _SAFE else f"\\{byte:03o}"


def _unverifiable(verdict: Verdict, again: str) -> Sequence[Step]:
    kinds = dict.fromkeys(
        finding.kind for finding in verdict.findings if finding.status is Status.UNVERIFIABLE
    )
    remedies = dict.fromkeys(_REMEDIES[kind] for kind in kinds if kind in _REMEDIES)
    return (
        ("Do not start it, and take it out of traffic if it runs: nothing vouches for it.",),
        *((remedy,) for remedy in remedies),
        ("Then check again.", again),
    )


def _policy_changed(root: str) -> Sequence[Step]:
    return (
        ("No need to stop it: files and evidence are as released. Three scans in a row page.",),
        ("See which setting differs from the seal, and where it comes from.", "duri settings"),
        (
            "Put that setting back or, if the new policy is wanted, seal where releases are built.",
            f"duri seal {root} --version NEXT_VERSION",
        ),
    )


def _broken(verdict: Verdict, root: str, again: str) -> Sequence[Step]:
    """Tampered or corrupted: isolate, keep the evidence, find out, bring the good release back."""
    steps: list[Step] = []
    if verdict.status is Status.TAMPERED:
        steps.append(("Page security now: treat it as an attack until it is shown not to be.",))
    steps += [
        ("Take this instance out of traffic. Leave it running: its memory is evidence.",),
        (
            # Outside the root, where it would be one more new file.
            "Keep the evidence before anything is replaced.",
            f"{_with(again, '--json')} > /var/tmp/verdict.json",
            f"tar -cf /var/tmp/evidence.tar -C {root} .",
        ),
    ]
    if verdict.summary.spike_detected:
        steps.append(
            ("SPIKE: see what is mounted there, and which release, first.", f"df {root}"),
        )
    if any(finding.kind in _KEY_KINDS for finding in verdict.findings):
        steps.append(
            ("If a key was rotated lately, see which keys this host trusts.", "duri keys list"),
        )
    steps += [
        ("See every difference.", _with(again, "--all")),
        (
            "Put the last good release back, and start it only through the gate.",
            f"{_gate(again)} -- COMMAND",
        ),
    ]
    return steps
