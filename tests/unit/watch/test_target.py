"""What a target may be, what names a process goes by, and which right is said to be missing."""

import errno

import msgspec
import pytest

from duri.errors import UsageError
from duri.watch.process import names
from duri.watch.rights import Credentials, missing, refusal
from duri.watch.target import Target


def test_target_is_a_path_a_pid_or_a_name() -> None:
    assert Target(root="app").is_ours
    assert Target(root="/app", same_container=True).is_ours
    assert not Target(root="/app", pid=1).is_ours
    assert not Target(root="/app", process="gunicorn").is_ours


@pytest.mark.parametrize(
    ("pid", "process", "root"),
    [
        (1, "gunicorn", "/app"),
        (0, None, "/app"),
        (-1, None, "/app"),
        (None, "", "/app"),
        (1, None, "app"),
        (1, None, ""),
        (None, "gunicorn", "app"),
        (None, "gunicorn", "./app"),
    ],
)
def test_target_that_cannot_be_meant_is_wrong_usage(
    pid: int | None, process: str | None, root: str
) -> None:
    with pytest.raises(UsageError):
        Target(root=root, pid=pid, process=process)


@pytest.mark.parametrize(
    ("command", "words", "executable", "expected"),
    [
        ("shopd", ["/usr/bin/shopd", "-v"], "/usr/bin/shopd", {"shopd"}),
        ("gunicorn", ["gunicorn: master [shop]"], None, {"gunicorn"}),
        ("nginx", ["nginx: worker process"], "/usr/sbin/nginx", {"nginx"}),
        (
            "gunicorn",
            ["/app/bin/python3", "/app/bin/gunicorn", "shop:app"],
            "/usr/bin/python3.11",
            {"gunicorn", "python3", "python3.11"},
        ),
        (
            "python",
            ["python", "-I", "-m", "gunicorn"],
            "/usr/bin/python3.11",
            {"python", "python3.11", "gunicorn"},
        ),
        ("node", ["node", "--inspect", "/app/server.js"], None, {"node", "server.js"}),
        ("java", ["/opt/java", "-Xmx1g", "-jar", "/app/shop.jar"], None, {"java", "shop.jar"}),
        ("MainThread", ["node", "server.js"], "/usr/bin/node", {"MainThread", "node", "server.js"}),
        ("shopd", ["/srv/shopd", "gunicorn"], "/srv/shopd", {"shopd"}),
        ("python", ["python"], None, {"python"}),
        ("python", ["python", "-c", ""], None, {"python"}),
        ("kworker/0:1", [""], None, {"kworker/0:1"}),
    ],
)
def test_process_goes_by_these_names(
    command: str, words: list[str], executable: str | None, expected: set[str]
) -> None:
    assert names(command, words, executable=executable) == expected


def credentials(*, user: int = 1000, group: int = 1000, capabilities: int = 0) -> Credentials:
    return Credentials(
        users=frozenset({user}),
        groups=frozenset({group}),
        effective=capabilities,
        permitted=capabilities,
    )


SYS_PTRACE = 1 << 19
SEVERAL = msgspec.structs.replace(credentials(), users=frozenset({0, 33}))


@pytest.mark.parametrize(
    ("ours", "theirs", "reason", "todo"),
    [
        (credentials(), credentials(user=33), "33:1000, the watcher as 1000:1000", "as 33:1000"),
        (credentials(), credentials(group=33), "1000:33, the watcher as 1000:1000", "as 1000:33"),
        (credentials(), SEVERAL, "several users 0,33", "Add CAP_SYS_PTRACE"),
        (credentials(), credentials(capabilities=1), "holds capabilities", "Drop them"),
        (credentials(), credentials(), "not dumpable", "Add CAP_SYS_PTRACE"),
        (credentials(capabilities=SYS_PTRACE), credentials(user=0), "AppArmor", "user namespace"),
    ],
)
def test_missing_right_is_the_one_that_is_missing(
    ours: Credentials, theirs: Credentials, reason: str, todo: str
) -> None:
    said, advised = missing(ours, theirs)
    assert reason in said
    assert todo in advised


def test_failure_that_no_right_would_change_is_not_called_one() -> None:
    told = str(refusal("process 7 (shop)", 7, OSError(errno.EMFILE, "Too many open files")))
    assert "Too many open files" in told
    assert "CAP_SYS_PTRACE" not in told
    told = str(refusal("process 0 (shop)", 0, PermissionError(errno.EACCES, "Permission denied")))
    assert "hidepid" in told
    assert "CAP_SYS_PTRACE" in told
