"""Bad input, trees: what cannot be sealed is named, with what to do, and nothing is lost."""

import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.attack.sealed_tree import in_mount_namespace
from tests.conftest import DURI, RunDuri, Tree, clean_environment, require
from tests.integration.shop import Shop, complaint, sealed

ENTRIES = 100_000
"""In one folder; the bound for so many is 80 MB. A million take ten times as long to make."""

MEGABYTE = 1000 * 1000


@pytest.fixture
def shop(tree: Tree, run_duri: RunDuri) -> Shop:
    """Return a sealed and verified shop."""
    return sealed(tree, run_duri)


def bind_socket(path: Path) -> None:
    """Leave a socket behind; a long path is reached through its folder."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)


def make_device(path: Path) -> None:
    """Make a device node, where that is allowed."""
    try:
        os.mknod(path, stat.S_IFCHR | 0o644, os.makedev(1, 3))
    except PermissionError:
        require("the right to make device nodes", present=False)


def make_setuid(path: Path) -> None:
    """Make a program that runs as its owner and group."""
    path.touch()
    path.chmod(0o6755)


def make_sparse(path: Path) -> None:
    """Make a file of zeros that takes no space."""
    path.touch(0o644)
    os.truncate(path, 1 << 24)


def write(*names: str | bytes) -> Callable[[Path], None]:
    """Return a maker of empty files in the folder of a path."""

    def make(path: Path) -> None:
        for name in names:
            with open(os.path.join(os.fsencode(path.parent), os.fsencode(name)), "wb"):
                pass

    return make


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "FIFO": (os.mkfifo, "lib/bad: special file (fifo)"),
    "socket": (bind_socket, "lib/bad: special file (socket)"),
    "device": (make_device, "lib/bad: special file (character device)"),
    "link out": (lambda path: path.symlink_to("/etc"), "lib/bad: link leaves root (/etc)"),
    "link up": (
        lambda path: path.symlink_to("../../x"),
        "lib/bad: link leaves root (../../x)",
    ),
    "not UTF-8": (write(b"caf\xe9"), "'lib/caf\\udce9': name not utf8"),
    "NFC twins": (write("caf\u00e9", "cafe\u0301"), "name nfc twin"),
    "case twins": (write("Prices.py"), "name case twin (lib/Prices.py)"),
    "unreadable": (lambda path: path.touch(mode=0), "lib/bad: unreadable (Permission denied"),
    "unreadable folder": (lambda path: path.mkdir(0), "lib/bad: unreadable (Permission denied"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_sealed_is_named_and_nothing_is_lost(kind: str, shop: Shop) -> None:
    make, sentence = REFUSED[kind]
    make(shop.root / "lib/bad")
    before = shop.evidence()
    said = complaint(shop.seal("--version", "2.0.0", as_nobody=True, timeout=20), 13)
    assert said.startswith(f"{shop.root}: the tree holds what could not be told apart or verified")
    assert sentence in said
    assert "Remove these, or declare them: --ignore" in said
    assert shop.evidence() == before


def test_everything_that_cannot_be_sealed_is_said_at_once(shop: Shop) -> None:
    for number in range(12):
        os.mkfifo(shop.root / f"lib/{number:02}")
    said = complaint(shop.seal("--version", "2.0.0"), 13)
    assert all(f"\n  lib/{number:02}: special file (fifo)" in said for number in range(10))
    assert "… and 2 more" in said
    shop.seal("--version", "2.0.0", "--ignore", "lib/0*", "--ignore", "lib/1*", check=0)
    shop.verify(check=0)


ACCEPTED: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "loop": (lambda path: path.symlink_to("bad"), ()),
    "link to its folder": (lambda path: path.symlink_to("."), ()),
    "dangling": (lambda path: path.symlink_to("nowhere"), ()),
    "newline": (write("a\nb", "\x1b[2J", "\\", "  "), ()),
    "declared link": (lambda path: path.symlink_to("/etc"), ("--allow-link", "lib/bad")),
    "declared twins": (write("Prices.py"), ("--allow-case-twins",)),
    "setuid": (make_setuid, ()),
    "sparse": (make_sparse, ()),
    "ignored FIFO": (os.mkfifo, ("--ignore", "lib/bad")),
    "deep": (lambda path: os.makedirs("/".join([str(path)] + ["d" * 50] * 20)), ()),
}


@pytest.mark.parametrize("kind", ACCEPTED)
def test_what_is_odd_and_can_be_told_apart_is_sealed(kind: str, shop: Shop) -> None:
    make, options = ACCEPTED[kind]
    make(shop.root / "lib/bad")
    ran = shop.seal("--version", "2.0.0", *options, check=0, timeout=20)
    assert ran.err == ""
    assert shop.found() == set()
    export = shop.duri("export", shop.root, "--sha256sum", check=0)
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "--status"],
        input=export.stdout,
        cwd=shop.root,
        check=False,
    )
    assert checked.returncode == 0


def test_hard_link_from_outside_is_sealed_with_a_warning(shop: Shop, tmp_path: Path) -> None:
    os.link(shop.root / "shop.py", tmp_path / "cache")
    assert shop.verify(check=10).out.count("hard link") == 1
    ran = shop.seal("--version", "2.0.0", check=0)
    assert ran.err == "warning: shop.py: hard link (2 names)\n"
    shop.verify(check=0)


def test_mount_below_the_root_is_not_sealed_and_nothing_is_lost(shop: Shop) -> None:
    before = shop.evidence()
    seal = [str(DURI), "seal", str(shop.root), "--version", "2", "--keyring", str(shop.keyring)]
    ended = in_mount_namespace(f'mount -t tmpfs t "{shop.root}/uploads"', seal)
    assert (ended.code, "uploads: mount point" in ended.err) == (13, True), ended
    assert shop.evidence() == before


def test_full_disk_loses_nothing(shop: Shop) -> None:
    # A real file system, full to the last block, with a sealed release on it.
    place = shop.root.parent / "disk"
    place.mkdir()
    seal = f'"{DURI}" seal "{place}/shop" --version 2.0.0 --keyring "{shop.keyring}"'
    script = f"""
mount -t tmpfs -o size=96k t "{place}"
cp -a "{shop.root}" "{place}/shop"
sha256sum "{place}"/shop/.duri/* > "{shop.root.parent}/before"
dd if=/dev/zero of="{place}/filler" bs=1k 2> "{shop.root.parent}/full" || true
{seal} && exit 99 || test $? = 1
sha256sum --check --quiet "{shop.root.parent}/before"
test "$(ls -A "{place}")" = "$(printf 'filler\\nshop')"
rm "{place}/filler"
{seal} --quiet
"""
    verify = [str(DURI), "verify", f"{place}/shop", "--keyring", str(shop.keyring)]
    ended = in_mount_namespace(script, verify)
    assert ended.code == 0, ended
    assert "No space left on device" in (shop.root.parent / "full").read_text()
    assert "the artifacts could not be written; those that were there before are" in ended.err
    assert "got No space left on device. Free space" in ended.err
    assert "shop 2.0.0" in ended.out


PEAK = """
import sys
from duri.cli.main import run
code = run(sys.argv[1:])
with open("/proc/self/status") as status:
    peak = next(line for line in status if line.startswith("VmHWM:"))
print(peak.split()[1], file=sys.stderr)
sys.exit(code)
"""


def peak_bytes(*command: str | os.PathLike[str]) -> int:
    """Run a command that ends well, and return the most memory it had: what `fork` left aside."""
    ran = subprocess.run(
        [sys.executable, "-I", "-c", PEAK, *(os.fspath(one) for one in command)],
        capture_output=True,
        check=True,
        env=clean_environment("/nonexistent"),
    )
    return int(ran.stderr.split()[-1]) * 1024


def test_folder_of_very_many_entries_takes_bounded_time_and_memory(shop: Shop) -> None:
    many = shop.root / "many"
    many.mkdir()
    many.chmod(0o755)
    folder = os.open(many, os.O_RDONLY)
    mask = os.umask(0o022)
    try:
        for number in range(ENTRIES):
            os.mknod(f"{number:x}", stat.S_IFREG | 0o644, dir_fd=folder)
    finally:
        os.umask(mask)
        os.close(folder)
    begin = time.monotonic()
    keyring = ("--keyring", shop.keyring)
    sealing = peak_bytes("seal", shop.root, "--version", "2.0.0", *keyring)
    verifying = peak_bytes("verify", shop.root, *keyring)
    assert time.monotonic() - begin < 60  # seconds; one, where nothing else runs
    assert max(sealing, verifying) < 80 * MEGABYTE, (sealing, verifying)
    (many / "0").unlink()
    (many / "planted").touch(mode=0o644)
    assert shop.found() == {("missing", "many/0"), ("new", "many/planted")}
