"""Sealing where one rename does not do: no exchange, mount points, leftovers in the root."""

import json
import os
import sys
from pathlib import Path

import pytest
from tests.conftest import DURI, Component
from tests.crash.place import MARK, Place, in_mount_namespace

from duri.verdict import Status

HEX = "0123456789abcdef"


@pytest.mark.parametrize("error", ["EINVAL", "ENOSYS"])
@pytest.mark.parametrize("over", ["nothing", "an empty folder", "an older release"])
def test_file_system_without_exchange_is_sealed_on(place: Place, over: str, error: str) -> None:
    if over == "an older release":
        place.seal("1")
    elif over == "an empty folder":
        place.artifacts.mkdir()
    ran = place.sealing("2").failing(("renameat2", error, "1+"))
    assert ran.code == 0, ran.err
    assert (place.verify().status, place.verify().version) == (Status.VERIFIED, "2")
    assert place.leftovers() == []


def test_first_seal_without_exchange_is_one_rename(place: Place) -> None:
    process = place.sealing("1")
    calls = process.traced(since=MARK.encode())
    place.reset({})
    # Every rename of a name fails, with or without flags; nothing may be there in part.
    ran = process.failed_at(next(call for call in calls if call.name == "renameat2"), "EIO")
    assert ran.code == 1
    assert place.snapshot() == {}


def test_full_disk_without_exchange_keeps_the_older_release(place: Place) -> None:
    place.seal("1")
    before = place.snapshot()
    calls = place.sealing("2").traced(since=MARK.encode())
    last_write = max(call.ordinal for call in calls if call.name == "write")
    place.reset(before)
    process = place.sealing("2")
    ran = process.failing(("renameat2", "EINVAL", "1+"), ("write", "ENOSPC", f"{last_write + 3}"))
    assert ran.code == 1, ran.err
    assert "untouched" in ran.err
    assert place.snapshot() == before
    assert place.verify().version == "1"


def test_replacement_in_part_says_so_and_is_never_verified(place: Place) -> None:
    place.seal("1")
    ran = place.sealing("2").failing(("renameat2", "EINVAL", "1+"), ("renameat", "EIO", "4"))
    assert ran.code == 1
    assert "replaced in part" in ran.err
    assert place.verify().status is Status.TAMPERED
    place.seal("3")
    assert place.verify().version == "3"


MOUNTED = """
import json, os, subprocess, sys
root, duri, keyring, strace = sys.argv[1:5]
artifacts = os.path.join(root, ".duri")

def run(*args):
    return subprocess.run([*args], capture_output=True, text=True)

def seal(version):
    return [duri, "seal", root, "--version", version, "--keyring", keyring, "--threads", "1"]

def verify():
    ran = run(duri, "verify", root, "--keyring", keyring, "--json")
    answer = json.loads(ran.stdout)
    return answer["status"], answer["release"]["version"]

for version in ("1", "2"):
    ran = run(*seal(version))
    assert ran.returncode == 0, ran.stderr
    assert verify() == ("verified", version), verify()
assert os.path.ismount(artifacts)
seen = set()
# Killed at each of the renames, and at the last sync: tampered or whole, and then sealed again.
for name, when in [("renameat", when) for when in range(1, 7)] + [("fsync", 14)]:
    ran = run(strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + name,
              "-e", f"inject={name}:signal=KILL:when={when}", *seal("3"))
    assert ran.returncode in (-9, 137), (name, when, ran)
    seen.add(verify())
    ran = run(*seal("2"))
    assert ran.returncode == 0, ran.stderr
    assert verify() == ("verified", "2"), verify()
    assert not [name for name in os.listdir(artifacts) if name.startswith(".")]
assert {status for status, _ in seen} == {"verified", "tampered"}, seen
assert ("verified", "3") in seen, seen
print("mounted")
"""


def test_artifacts_folder_that_is_a_mount_point_is_replaced_file_by_file(
    place: Place, component: Component, tmp_path: Path
) -> None:
    script = tmp_path / "mounted.py"
    script.write_text(MOUNTED)
    done = in_mount_namespace(
        component,
        f"""
        mkdir {place.artifacts}
        mount -t tmpfs -o mode=755 tmpfs {place.artifacts}
        {sys.executable} {script} {place.root} {DURI} {place.keyring} {component("strace")}
        """,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "mounted\n"


def test_root_that_is_a_mount_point_is_healed_after_a_kill(
    place: Place, component: Component, tmp_path: Path
) -> None:
    """The folder is prepared inside the root there, so a kill leaves it inside the sealed tree."""
    root = tmp_path / "mounted"
    root.mkdir()
    seal = f"{DURI} seal {root} --keyring {place.keyring} --threads 1 --quiet --version"
    strace = f"{component('strace')} -f -qq -o /dev/null -e trace=fsync"
    verify = f"{DURI} verify {root} --keyring {place.keyring} --json"
    done = in_mount_namespace(
        component,
        f"""
        mount -t tmpfs -o mode=755 tmpfs {root}
        echo one > {root}/file
        {seal} 1
        ! {strace} -e inject=fsync:signal=KILL:when=4 {seal} 2 2> {tmp_path}/killed
        ls -A {root} > {tmp_path}/left
        {seal} 3
        ls -A {root} > {tmp_path}/healed
        {verify}
        """,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert MARK in (tmp_path / "left").read_text(), "the kill left nothing: it proves nothing"
    assert (tmp_path / "healed").read_text().split() == [".duri", "file"]
    assert json.loads(done.stdout)["release"]["version"] == "3"


def test_link_named_like_a_leftover_is_not_followed(place: Place, tmp_path: Path) -> None:
    """Where others may write beside the root, a link in that name must not empty another folder."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "checksums.json").write_text("{}\n")
    os.symlink(precious, tmp_path / f"{MARK}{HEX}")
    place.seal("1")
    assert (precious / "checksums.json").read_text() == "{}\n"
    assert place.verify().version == "1"


def test_foreign_file_in_a_leftover_is_kept_and_a_real_leftover_goes(
    place: Place, tmp_path: Path
) -> None:
    foreign = tmp_path / f"{MARK}{HEX}"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("mine")
    left = tmp_path / f"{MARK}{HEX[::-1]}"
    left.mkdir()
    (left / "checksums.json").write_text("{")
    place.seal("1")
    assert (foreign / "thesis.txt").read_text() == "mine"
    assert not left.exists()


def test_root_with_the_longest_name_is_sealed(place: Place, tmp_path: Path) -> None:
    root = tmp_path / ("n" * 255)
    os.rename(place.root, root)
    long = place._replace(root=root)
    with pytest.raises(Exception, match="not a usable product"):
        long.seal("1")
    import duri

    duri.seal(root, version="1", product="p", keyring=place.keyring)
    assert long.verify().version == "1"
