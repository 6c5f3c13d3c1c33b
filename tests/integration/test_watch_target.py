"""Which folder a watcher judges: real processes in real mount namespaces, from both sides."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from tests.conftest import require
from tests.integration.containers import Pod

from duri.errors import UnverifiableError
from duri.watch.target import Opened, Target, bind, open_target, reopened

AsNobody = Callable[[], contextlib.AbstractContextManager[None]]
NOBODY = 65534


def is_current(opened: Opened, target: Target) -> bool:
    """Return whether the root is still what was opened."""
    fd = reopened(opened, target)
    if fd is not None:
        os.close(fd)
    return fd is not None


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Pod]:
    """Return a starter of containers, all of which end with the test."""
    made = Pod(tmp_path)
    try:
        yield made
    finally:
        made.end()


def opened(target: Target, *, last: Opened | None = None) -> Opened:
    """Open a target as a watcher out here does."""
    return open_target(target, in_kubernetes=False, own_pid=os.getpid(), last=last)


def seen(target: Target) -> list[str]:
    """Return the names in the target's root."""
    with opened(target) as root:
        return sorted(os.listdir(root.fd))


def refused(target: Target, *, last: Opened | None = None) -> str:
    """Return why there is no root to judge."""
    with pytest.raises(UnverifiableError) as caught, opened(target, last=last):
        pass
    assert caught.value.todo or caught.value.got
    return str(caught.value)


# A path of our own.


def test_path_is_opened_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "main.py").touch()
    target = Target(root=str(tmp_path))
    with opened(target) as root:
        assert os.listdir(root.fd) == ["main.py"]
        assert (root.path, root.pid, root.description) == (str(tmp_path), None, None)
        assert root.identity.inode == tmp_path.stat().st_ino
        assert is_current(root, target)


def test_path_that_leads_elsewhere_is_not_current(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    (tmp_path / "current").symlink_to("1")
    target = Target(root=str(tmp_path / "current"))
    with opened(target) as root:
        assert is_current(root, target)
        (tmp_path / "next").symlink_to("2")
        (tmp_path / "next").rename(tmp_path / "current")
        assert not is_current(root, target)
        (tmp_path / "current").unlink()
        assert not is_current(root, target)


@pytest.mark.parametrize("kind", ["nothing", "a file"])
def test_path_that_is_no_folder_is_unverifiable(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "root"
    if kind == "a file":
        path.touch()
    with pytest.raises(UnverifiableError, match="folder"):
        opened(Target(root=str(path)))


def test_opening_again_and_again_leaves_no_descriptor(pod: Pod) -> None:
    name = pod.name("app")
    pod.start(name, files={"app/main.py": ""})
    seen(Target(root="/app", process=name))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        seen(Target(root="/app", process=name))
        refused(Target(root="/none", process=name))
        refused(Target(root="/app/main.py", process=name))
        with pytest.raises(UnverifiableError, match="own image"):
            open_target(Target(root="/"), in_kubernetes=True, own_pid=os.getpid())
    assert len(os.listdir("/proc/self/fd")) == before


# Kubernetes.


def test_watchers_own_image_is_refused_in_kubernetes(pod: Pod) -> None:
    watcher = pod.start(files={"app/main.py": ""}, asks=True)
    answer = watcher.ask(root="/app", in_kubernetes=True)
    assert "the watcher's own image" in answer["error"]
    assert "--target-process" in answer["error"]
    assert "the watcher's own image" in watcher.ask(root="/", in_kubernetes=True)["error"]
    assert watcher.ask(root="/app", in_kubernetes=False)["names"] == ["main.py"]


def test_same_container_is_accepted_in_kubernetes_when_it_is_said(pod: Pod) -> None:
    watcher = pod.start(files={"app/main.py": ""}, asks=True)
    answer = watcher.ask(root="/app", same_container=True, in_kubernetes=True)
    assert answer["names"] == ["main.py"]


@pytest.mark.parametrize("kind", ["folder", "tmpfs"])
def test_mounted_volume_is_accepted_in_kubernetes(kind: str, pod: Pod, tmp_path: Path) -> None:
    (tmp_path / "volume" / "release").mkdir(parents=True)
    source = str(tmp_path / "volume") if kind == "folder" else None
    watcher = pod.start(
        files={"own/main.py": ""},
        links={"current": "/volume/release", "wrong": "/own"},
        volumes={"volume": source},
        asks=True,
    )
    names = ["release"] if source else []
    assert watcher.ask(root="/volume", in_kubernetes=True)["names"] == names
    if source:
        assert watcher.ask(root="/volume/release", in_kubernetes=True)["names"] == []
        # What counts is where the folder lies, not where its name does.
        assert watcher.ask(root="/current", in_kubernetes=True)["names"] == []
    assert "own image" in watcher.ask(root="/wrong", in_kubernetes=True)["error"]


def test_target_is_accepted_in_kubernetes(pod: Pod) -> None:
    name = pod.name("app")
    pod.start(name, files={"app/theirs": ""})
    watcher = pod.start(files={"app/ours": ""}, asks=True)
    answer = watcher.ask(root="/app", process=name, in_kubernetes=True)
    assert answer["names"] == ["theirs"]
    assert answer["is_current"]


# A target's root.


@pytest.mark.parametrize("way", ["pivot", "chroot"])
@pytest.mark.parametrize("by", ["pid", "name"])
def test_targets_folder_is_judged_not_ours(way: str, by: str, pod: Pod, tmp_path: Path) -> None:
    inside = str(tmp_path)  # a folder that we have too, under the same name
    (tmp_path / "ours").touch()
    name = pod.name("app")
    app = pod.start(name, way=way, files={f"{inside[1:]}/theirs": ""})
    target = Target(root=inside, pid=app.pid) if by == "pid" else Target(root=inside, process=name)
    with opened(target) as root:
        assert os.listdir(root.fd) == ["theirs"]
        assert root.path == f"/proc/{app.pid}/root{inside}"
        assert root.description == f"process {app.pid} ({name})"
        assert os.stat(root.path).st_ino == root.identity.inode
        assert is_current(root, target)
    assert "ours" in seen(Target(root=inside))


@pytest.mark.parametrize("way", ["pivot", "chroot"])
def test_absolute_link_in_the_target_is_resolved_in_the_target(way: str, pod: Pod) -> None:
    name = pod.name("app")
    app = pod.start(
        name, way=way, files={"srv/app-2/theirs": ""}, links={"app": "/srv/app", "srv/app": "app-2"}
    )
    with opened(Target(root="/app", process=name)) as root:
        assert os.listdir(root.fd) == ["theirs"]
        assert root.path == f"/proc/{app.pid}/root/srv/app-2"


def test_mount_that_only_the_target_sees_is_judged(pod: Pod, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "ours").touch()
    (tmp_path / "volume").mkdir()
    (tmp_path / "volume" / "theirs").touch()
    name = pod.name("app")
    here = str(tmp_path / "app")
    pod.start(name, way="private", volumes={here[1:]: str(tmp_path / "volume")})
    assert seen(Target(root=here, process=name)) == ["theirs"]
    assert seen(Target(root=here)) == ["ours"]


def test_target_whose_whole_root_is_the_release(pod: Pod) -> None:
    name = pod.name("app")
    app = pod.start(name, files={"theirs": ""})
    with opened(Target(root="/", process=name)) as root:
        assert sorted(os.listdir(root.fd)) == ["proc", "theirs"]
        assert root.path == f"/proc/{app.pid}/root/"


def test_link_in_the_target_cannot_lead_out(pod: Pod, tmp_path: Path) -> None:
    (tmp_path / "outside" / "secret").mkdir(parents=True)
    name = pod.name("app")
    up = "../" * 40 + str(tmp_path / "outside")[1:]
    pod.start(
        name,
        way="chroot",
        files={"app/theirs": ""},
        links={"up": up, "abs": str(tmp_path / "outside"), "dots": "../../app"},
    )
    assert "cannot be opened in the target" in refused(Target(root="/up", process=name))
    assert "cannot be opened in the target" in refused(Target(root="/abs", process=name))
    # What stays inside after all is the target's.
    assert seen(Target(root="/dots", process=name)) == ["theirs"]
    assert seen(Target(root="/../../app", process=name)) == ["theirs"]


def test_magic_link_of_the_targets_proc_cannot_lead_out(pod: Pod) -> None:
    name = pod.name("app")
    here = f"/proc/{os.getpid()}"
    pod.start(name, files={"app/x": ""}, links={"cwd": f"{here}/cwd", "top": f"{here}/root"})
    for root in ("/cwd", "/top", f"{here}/root", f"{here}/cwd", "/proc/self/root"):
        assert "cannot be opened in the target" in refused(Target(root=root, process=name))
    assert seen(Target(root="/app", process=name)) == ["x"]


def test_link_switched_in_the_target_is_noticed(pod: Pod, tmp_path: Path) -> None:
    name = pod.name("app")
    pod.start(name, files={"1/one": "", "2/two": ""}, links={"app": "/1", "next": "/2"})
    target = Target(root="/app", process=name)
    with opened(target) as root:
        assert is_current(root, target)
        (tmp_path / "container-0" / "next").rename(tmp_path / "container-0" / "app")
        assert not is_current(root, target)
    assert seen(target) == ["two"]


def test_root_that_the_target_does_not_have_is_unverifiable(pod: Pod) -> None:
    name = pod.name("app")
    pod.start(name, files={"app/main.py": ""})
    assert f"/none in process {pod.started[0].pid}" in refused(Target(root="/none", process=name))
    assert "Not a directory" in refused(Target(root="/app/main.py", process=name))


# Which process.


def test_target_is_followed_when_it_restarts(pod: Pod) -> None:
    name = pod.name("app")
    first = pod.start(name, files={"app/one": ""})
    target = Target(root="/app", process=name)
    with opened(target) as root:
        assert root.pid == first.pid
        assert is_current(root, target)
        first.end()
        assert not is_current(root, target)
    assert "is visible" in refused(target, last=root)
    second = pod.start(name, files={"app/two": ""})
    with opened(target, last=root) as root:
        assert root.pid == second.pid
        assert os.listdir(root.fd) == ["two"]


def test_processes_of_one_container_are_one_target(pod: Pod) -> None:
    name = pod.name("app")
    master = pod.start(name, way="chroot", files={"app/theirs": ""})
    folder = pod.folder / "container-0"
    worker = pod.start(name, way="chroot", root=folder)
    with opened(Target(root="/app", process=name)) as root:
        assert root.pid == master.pid
    master.end()
    with opened(Target(root="/app", process=name)) as root:
        assert root.pid == worker.pid


@pytest.mark.parametrize("way", ["pivot", "chroot"])
def test_one_name_in_two_containers_is_ambiguous(way: str, pod: Pod) -> None:
    name = pod.name("app")
    one = pod.start(name, files={"app/one": ""})
    assert seen(Target(root="/app", process=name)) == ["one"]
    two = pod.start(name, way=way, files={"app/two": ""})
    told = refused(Target(root="/app", process=name))
    assert "different file systems" in told
    assert f"process {one.pid} ({name})" in told
    assert f"process {two.pid} ({name})" in told
    assert seen(Target(root="/app", pid=two.pid)) == ["two"]


def test_process_that_sees_our_own_file_system_is_refused(pod: Pod, tmp_path: Path) -> None:
    (tmp_path / "ours").touch()
    name = pod.name("app")
    app = pod.start(name, way="none")
    for target in (
        Target(root=str(tmp_path), process=name),
        Target(root=str(tmp_path), pid=app.pid),
        Target(root=str(tmp_path), pid=os.getpid()),
        Target(root=str(tmp_path), pid=os.getppid()),
    ):
        told = refused(target)
        assert "the watcher's own file system" in told
        assert "--same-container" in told
    # Beside one of another container, ours is not meant.
    pod.start(name, files={f"{str(tmp_path)[1:]}/theirs": ""})
    assert seen(Target(root=str(tmp_path), process=name)) == ["theirs"]


def test_a_watcher_in_a_container_does_not_find_itself(pod: Pod) -> None:
    name = pod.name("own")
    watcher = pod.start(name, files={"app/ours": ""}, asks=True)
    told = watcher.ask(root="/app", process=name)
    assert "the watcher's own file system" in told["error"]
    assert "own file system" in watcher.ask(root="/app", pid=watcher.pid)["error"]
    # From out here it is a target like any other.
    assert seen(Target(root="/app", process=name)) == ["ours"]


def test_script_is_found_by_its_name(pod: Pod, tmp_path: Path) -> None:
    script = tmp_path / f"{pod.name('s')}.py"
    script.write_text("import os, sys\nos.chroot(sys.argv[1])\nprint('up', flush=True)\ninput()\n")
    (tmp_path / "new" / "app").mkdir(parents=True)
    (tmp_path / "new" / "app" / "theirs").touch()
    unshare = [require("unshare"), *([] if os.geteuid() == 0 else ["--map-root-user"])]
    with subprocess.Popen(
        [*unshare, sys.executable, "-I", str(script), str(tmp_path / "new")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        with opened(Target(root="/app", process=script.name)) as root:
            assert root.pid == process.pid
            assert os.listdir(root.fd) == ["theirs"]
        assert "is visible" in refused(Target(root="/app", process=script.name[:-3] + "x.py"))
        process.kill()


def test_name_with_brackets_in_it_is_read_whole(pod: Pod) -> None:
    name = f") Z 1 (b{os.getpid()}"
    app = pod.start(name, files={"app/theirs": ""})
    with opened(Target(root="/app", process=name)) as root:
        assert root.description == f"process {app.pid} ({name})"


def test_zombie_is_no_target(pod: Pod) -> None:
    name = pod.name("app")
    app = pod.start(name, files={"app/x": ""})
    os.kill(app.pid, 9)
    deadline = time.monotonic() + 10
    while "zombie" not in Path(f"/proc/{app.pid}/status").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert "is visible" in refused(Target(root="/app", process=name))
    assert "no such process" in refused(Target(root="/app", pid=app.pid))


def test_pid_that_is_gone_is_unverifiable(pod: Pod) -> None:
    app = pod.start(pod.name("app"), files={"app/x": ""})
    target = Target(root="/app", pid=app.pid)
    with opened(target) as last:
        pass
    app.end()
    assert not is_current(last, target)
    assert "it has ended" in refused(target, last=last)
    assert "no such process is visible" in refused(target)


def test_reused_pid_is_unverifiable(pod: Pod) -> None:
    name = pod.name("app")
    app = pod.start(name, files={"app/x": ""})
    target = Target(root="/app", pid=app.pid)
    with opened(target) as root:
        assert root.target is not None
        # The process that had the number before started earlier.
        former = msgspec.structs.replace(root.target, started=root.target.started - 1)
        before = msgspec.structs.replace(root, target=former)
        assert not is_current(before, target)
        assert is_current(root, target)
    assert "another process now" in refused(target, last=before)
    with opened(target, last=root) as again:
        assert again.identity == root.identity


def test_pid_is_tied_to_a_process_for_good(pod: Pod) -> None:
    app = pod.start(pod.name("app"), files={"app/x": ""})
    target = bind(Target(root="/app", pid=app.pid))
    assert target.started
    assert seen(target) == ["x"]
    former = msgspec.structs.replace(target, started=target.started - 1)
    assert "another process now" in refused(former)
    app.end()
    assert "it has ended" in refused(target)
    gone = bind(Target(root="/app", pid=app.pid))
    assert gone.started == 0
    assert "no such process is visible" in refused(gone)
    named = Target(root="/app", process="shop")
    assert bind(named) == named


def test_pid_that_the_kernel_really_reused_is_unverifiable(tmp_path: Path) -> None:
    path = Path("/proc/sys/kernel/ns_last_pid")
    require("ns_last_pid", present=path.exists() and os.geteuid() == 0)
    (tmp_path / "root").mkdir()
    program = tmp_path / "reuse.py"
    program.write_text(REUSE)
    command = [sys.executable, str(program), str(tmp_path / "root")]
    ran = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--mount-proc", *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran
    assert ran.stdout.splitlines() == ["opened", "current False", "reused"], ran


REUSE = """
import os, signal, sys, time
from duri.errors import UnverifiableError
from duri.watch.target import Target, open_target, reopened

def start(number):
    with open("/proc/sys/kernel/ns_last_pid", "w") as file:
        file.write(str(number - 1))
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.chroot(sys.argv[1])
        os.write(write, b"x")
        time.sleep(60)
    os.read(read, 1)
    assert pid == number, pid
    return pid

def end(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)

pid = start(300)
target = Target(root="/", pid=pid)
with open_target(target, in_kubernetes=False, own_pid=os.getpid()) as last:
    print("opened")
end(pid)
time.sleep(0.05)  # start times count hundredths of a second
start(pid)
print("current", reopened(last, target) is not None)
try:
    open_target(target, in_kubernetes=False, own_pid=os.getpid(), last=last)
except UnverifiableError as error:
    assert "another process now" in str(error), error
    print("reused")
end(pid)
"""


# Rights.


def test_missing_right_is_named(pod: Pod, as_nobody: AsNobody) -> None:
    require("root", present=os.geteuid() == 0)
    name = pod.name("app")
    app = pod.start(name, files={"app/x": ""})
    other = pod.start(pod.name("oth"), files={"app/y": ""}, user=NOBODY)
    for target in (Target(root="/app", process=name), Target(root="/app", pid=app.pid)):
        with as_nobody():
            told = refused(target)
        assert "may not look at the target's root" in told
        assert "holds capabilities that the watcher does not" in told
        assert "CAP_SYS_PTRACE" in told
        assert seen(target) == ["x"]
    with as_nobody():
        told = refused(Target(root="/app", pid=other.pid))
    assert f"the target runs as {NOBODY}:{NOBODY}, the watcher as 0:0" in told
    assert f"Run the watcher as {NOBODY}:{NOBODY} like the target" in told


def test_same_user_without_capabilities_may_look(pod: Pod) -> None:
    require("root", present=os.geteuid() == 0)
    name = pod.name("app")
    pod.start(name, files={"app/theirs": ""}, user=NOBODY)
    watcher = pod.start(files={"app/ours": ""}, asks=True, user=NOBODY)
    assert watcher.ask(root="/app", process=name, in_kubernetes=True)["names"] == ["theirs"]
    other = pod.start(files={"app/ours": ""}, asks=True, user=NOBODY - 1)
    assert "Run the watcher as" in other.ask(root="/app", process=name)["error"]


def test_hidden_one_among_several_is_not_guessed(pod: Pod) -> None:
    require("root", present=os.geteuid() == 0)
    name = pod.name("app")
    pod.start(name, files={"app/theirs": ""}, user=NOBODY)
    watcher = pod.start(files={"app/ours": ""}, asks=True, user=NOBODY)
    assert watcher.ask(root="/app", process=name)["names"] == ["theirs"]
    pod.start(name, files={"app/hidden": ""})
    assert "may not look at" in watcher.ask(root="/app", process=name)["error"]


@pytest.mark.parametrize("hidepid", ["noaccess", "invisible"])
def test_processes_that_proc_hides_are_not_there(hidepid: str, pod: Pod) -> None:
    require("root", present=os.geteuid() == 0)
    name = pod.name("app")
    app = pod.start(name, files={"app/theirs": ""})
    options = f"hidepid={hidepid}"
    watcher = pod.start(files={"app/ours": ""}, asks=True, user=NOBODY, proc=options)
    told = watcher.ask(root="/app", process=name)["error"]
    assert f"no process named '{name}' is visible" in told
    assert "shareProcessNamespace" in told
    assert ("may not be looked at (hidepid)" in told) == (hidepid == "noaccess")
    told = watcher.ask(root="/app", pid=app.pid)["error"]
    if hidepid == "noaccess":
        assert "(hidepid)" in told
    else:
        assert "no such process is visible" in told
    # With the right, the same /proc shows it.
    entitled = pod.start(files={"app/ours": ""}, asks=True, proc=options)
    assert entitled.ask(root="/app", process=name)["names"] == ["theirs"]


def test_folder_that_the_target_keeps_to_itself_is_unverifiable(pod: Pod, tmp_path: Path) -> None:
    require("root", present=os.geteuid() == 0)
    name = pod.name("app")
    pod.start(name, files={"app/theirs": ""}, user=NOBODY)
    (tmp_path / "container-0" / "app").chmod(0o700)
    watcher = pod.start(asks=True, user=NOBODY)
    assert "may not be read" in watcher.ask(root="/app", process=name)["error"]
    (tmp_path / "container-0" / "app").chmod(0o755)
    assert watcher.ask(root="/app", process=name)["names"] == ["theirs"]


def test_without_proc_nothing_is_judged(pod: Pod) -> None:
    app = pod.start(pod.name("app"), files={"app/x": ""})
    watcher = pod.start(files={"app/ours": ""}, asks=True, proc="none")
    told = watcher.ask(root="/app", pid=app.pid)["error"]
    assert told.startswith("/proc: no process can be looked at")
    told = watcher.ask(root="/app")["error"]
    assert "which mount" in told
    assert "Mount /proc" in told
