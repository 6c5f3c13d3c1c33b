"""`sha256sum -c` and jq, which know nothing of DuRi, read what it writes."""

import shutil
import subprocess
from pathlib import Path

from tests.conformance.conftest import Release
from tests.conftest import Component, RunDuri

ONE_LINER = r'jq -r "to_entries[] | .value + \"  \" + .key" .duri/checksums.json'


def test_exported_list_is_checked_by_sha256sum(
    release: Release, run_duri: RunDuri, component: Component, tmp_path: Path
) -> None:
    listed = run_duri("export", release.root, "--sha256sum", check=0).stdout
    assert listed.count(b"\n") == 9
    command = [component("sha256sum"), "--check", "--strict", "-"]
    ran = subprocess.run(command, input=listed, cwd=release.root, capture_output=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert ran.stdout.count(b": OK\n") == 9
    # It is the very list that sha256sum writes itself.
    names = sorted(
        str(path.relative_to(release.root)).encode()
        for path in release.root.rglob("*")
        if path.is_file() and not path.is_symlink() and ".duri" not in path.parts
    )
    own = subprocess.run(
        [component("sha256sum"), "--", *names], cwd=release.root, capture_output=True, check=True
    )
    assert own.stdout == listed
    changed = tmp_path / "changed"
    shutil.copytree(release.root, changed, symlinks=True)
    (changed / "both\\\n").write_bytes(b"x")
    ran = subprocess.run(command, input=listed, cwd=changed, capture_output=True, check=False)
    assert ran.returncode == 1
    assert ran.stdout.count(b": FAILED\n") == 1


def test_jq_makes_the_list_where_names_need_no_escape(
    release: Release, component: Component
) -> None:
    component("jq")
    for name in ("new\nline", "back\\slash", "both\\\n", "car\rriage"):
        (release.root / name).unlink()
    shell = f"set -o pipefail; {ONE_LINER} | grep -E '^[0-9a-f]{{64}}  ' > ../list"
    subprocess.run(["bash", "-c", shell], cwd=release.root, check=True)
    keep = "grep -vE '  (new$|back|both|car)' ../list | sha256sum --check --strict -"
    ran = subprocess.run(["bash", "-c", keep], cwd=release.root, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count(b": OK\n") == 5
