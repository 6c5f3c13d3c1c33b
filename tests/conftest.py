"""What tests share: trees, `duri` as a real process, components that may be missing, rights.

Guarantees: `run_duri` gives the process no variable but those passed, PATH, HOME and LANG; `tree`
writes the modes it is told, whatever the umask; a component that is missing fails in CI (CI=true)
and skips elsewhere; `as_nobody` leaves root no right that a file's owner does not have.
"""

import contextlib
import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias

import hypothesis
import pytest

IN_CI = os.environ.get("CI") == "true"
DURI = Path(sys.executable).parent / "duri"

hypothesis.settings.register_profile("dev", deadline=None, max_examples=25)
# The same examples for the same code: a commit is judged by what it changed, not by chance. New
# ones are looked for on laptops, and by `make fuzz`.
hypothesis.settings.register_profile(
    "ci", deadline=None, max_examples=100, print_blob=True, derandomize=True
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if IN_CI else "dev"))


# Trees.


class File(NamedTuple):
    """A regular file."""

    content: bytes = b""
    mode: int = 0o644


class Link(NamedTuple):
    """A symbolic link; the target is written as it stands."""

    target: str | bytes


class Folder(NamedTuple):
    """A folder, with the parents that it needs."""

    mode: int = 0o755


Node: TypeAlias = bytes | File | Link | Folder
"""What a path of a tree holds; bytes are short for a File with mode 0644."""


class Tree(Protocol):
    """Writes nodes, by path relative to the root, and returns the root; twice adds to it."""

    def __call__(self, nodes: Mapping[str | bytes, Node], *, name: str = "tree") -> Path: ...


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Return a builder of trees under the test's own folder."""

    def build(nodes: Mapping[str | bytes, Node], *, name: str = "tree") -> Path:
        root = tmp_path / name
        _make_folder(os.fsencode(root), below=os.fsencode(tmp_path))
        folders: list[tuple[bytes, int]] = []
        for relative, node in nodes.items():
            path = os.path.join(os.fsencode(root), os.fsencode(relative))
            _make_folder(os.path.dirname(path.rstrip(b"/")), below=os.fsencode(root))
            match node:
                case Folder(mode):
                    _make_folder(path.rstrip(b"/"), below=os.fsencode(root))
                    folders.append((path, mode))
                case Link(target):
                    os.symlink(os.fsencode(target), path)
                case File(content, mode):
                    _write(path, content, mode)
                case bytes(content):
                    _write(path, content, 0o644)
        # Last, so that a folder that may not be written can still be filled.
        for path, mode in folders:
            os.chmod(path, mode)
        return root

    return build


def _make_folder(path: bytes, *, below: bytes) -> None:
    """Make a folder and its parents, each with mode 0755 whatever the umask is."""
    if path == below or os.path.isdir(path):
        return
    _make_folder(os.path.dirname(path), below=below)
    os.mkdir(path)
    os.chmod(path, 0o755)  # noqa: S103 - what a release has


def _write(path: bytes, content: bytes, mode: int) -> None:
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, mode)


# Processes.


class Ran(NamedTuple):
    """A process that ended; `code` is negative for a signal."""

    args: tuple[str | bytes, ...]
    code: int
    stdout: bytes
    stderr: bytes

    @property
    def out(self) -> str:
        """Standard output as text."""
        return os.fsdecode(self.stdout)

    @property
    def err(self) -> str:
        """Standard error as text."""
        return os.fsdecode(self.stderr)


class RunDuri(Protocol):
    """Runs `duri` to its end; `check` is the exit code that it must have."""

    def __call__(
        self,
        *args: str | bytes | os.PathLike[str],
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        check: int | None = None,
        stdin: bytes = b"",
        timeout: float = 60,
        as_nobody: bool = False,
    ) -> Ran: ...


@pytest.fixture
def run_duri(tmp_path_factory: pytest.TempPathFactory) -> RunDuri:
    """Return a runner of the installed command, in a home folder of its own."""
    home = tmp_path_factory.mktemp("home")

    def run(
        *args: str | bytes | os.PathLike[str],
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        check: int | None = None,
        stdin: bytes = b"",
        timeout: float = 60,
        as_nobody: bool = False,
    ) -> Ran:
        command = (os.fspath(DURI), *(os.fspath(arg) for arg in args))
        ran = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            check=False,
            cwd=cwd or home,
            env=clean_environment(home) | dict(env or {}),
            timeout=timeout,
            preexec_fn=drop_rights_for_good if as_nobody else None,
        )
        result = Ran(command, ran.returncode, ran.stdout, ran.stderr)
        if check is not None:
            assert result.code == check, f"{command}: {result.code}\n{result.out}\n{result.err}"
        return result

    return run


def clean_environment(home: str | os.PathLike[str]) -> dict[str, str]:
    """Return PATH, HOME and LANG, and what coverage needs to follow a process."""
    kept = {
        name: value for name, value in os.environ.items() if name.startswith("COVERAGE_PROCESS_")
    }
    return kept | {"PATH": os.environ["PATH"], "HOME": os.fspath(home), "LANG": "C.UTF-8"}


# What may be missing.


class Component(Protocol):
    """Returns where a command is; with `present`, asks for something that is no command."""

    def __call__(self, name: str, *, present: bool | None = None) -> str: ...


@pytest.fixture
def component() -> Component:
    """Return `require`: a missing component fails the test in CI and skips it elsewhere."""
    return require


def require(name: str, *, present: bool | None = None) -> str:
    """Return the path of a command, or fail in CI and skip elsewhere.

    Args:
        name: a command, looked up on PATH and in the folders of system commands; or, with
            `present`, the name of anything else, such as "loop devices".
        present: whether it is here, when the caller has found out.
    """
    if present is None:
        path = f"{os.environ.get('PATH', os.defpath)}{os.pathsep}/usr/sbin{os.pathsep}/sbin"
        found = shutil.which(name, path=path)
    else:
        found = name if present else None
    if found is not None:
        return found
    reason = f"{name} is not here; `sudo make system` installs what tests need"
    if IN_CI:
        pytest.fail(reason)
    pytest.skip(reason)


# Rights. Root reads and writes everything, which hides every refusal. Another user id is no way
# out: it may reach neither the interpreter nor pytest's folders. So root stays the owner of its
# files and loses its capabilities, which are what root's rights are made of (capabilities(7)).

_CAPABILITY_VERSION_3 = 0x20080522
_PR_CAPBSET_DROP = 24
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


_libc = ctypes.CDLL(None, use_errno=True)
_Sets = list[tuple[int, int, int]]


def _capabilities() -> _Sets:
    """Return this thread's (effective, permitted, inheritable), lower half first."""
    data = (_Data * 2)()
    if _libc.capget(ctypes.byref(_Header(_CAPABILITY_VERSION_3, 0)), data) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    return [(half.effective, half.permitted, half.inheritable) for half in data]


def _set_capabilities(sets: _Sets) -> None:
    data = (_Data * 2)(*(_Data(*half) for half in sets))
    if _libc.capset(ctypes.byref(_Header(_CAPABILITY_VERSION_3, 0)), data) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def drop_rights_for_good() -> None:
    """Drop every capability of this process and of what it executes; for `preexec_fn`."""
    if os.geteuid() != 0:
        return
    _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    capability = 0
    # The kernel refuses the first number that is no capability.
    while _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
        capability += 1
    _set_capabilities([(0, 0, 0), (0, 0, 0)])


@contextlib.contextmanager
def without_rights() -> Iterator[None]:
    """Run the body, and threads it starts, without root's rights; processes get them back."""
    if os.geteuid() != 0:
        yield
        return
    before = _capabilities()
    _set_capabilities([(0, permitted, inheritable) for _, permitted, inheritable in before])
    try:
        yield
    finally:
        _set_capabilities(before)


@pytest.fixture
def as_nobody() -> Callable[[], contextlib.AbstractContextManager[None]]:
    """Give `without_rights`, to be used in a `with`; a process is `run_duri(…, as_nobody=True)`."""
    require("Linux capabilities", present=sys.platform == "linux")
    return without_rights
