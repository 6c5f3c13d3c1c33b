"""What the harness does to trees: changes that are undone exactly, damage, repair, replacement."""

import json
import os
import random
import shutil
import subprocess

import pytest

from bench.__main__ import CHECKOUT
from bench.watch import changes, damage, oracle, ways
from bench.watch.client import findings_in
from bench.watch.release import Release, sealed

DURI = os.path.join(CHECKOUT, ".venv", "bin", "duri")


@pytest.fixture
def root(tmp_path: os.PathLike[str]) -> str:
    """Return a tree with files of several sizes, a link, an empty folder and odd modes."""
    top = os.path.join(tmp_path, "tree")
    for number in range(60):
        path = os.path.join(top, f"a_{number % 4}", f"b_{number % 3}", f"file_{number}.py")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(random.Random(number).randbytes(number * 37))
        os.chmod(path, 0o755 if number % 7 == 0 else 0o644)
    os.mkdir(os.path.join(top, "empty"))
    os.symlink("a_0", os.path.join(top, "link"))
    os.chmod(os.path.join(top, "a_1"), 0o700)
    return top


def _release(root: str) -> Release:
    files, folders = [], []
    for folder, below, names in os.walk(root):
        folders += [os.path.relpath(os.path.join(folder, name), root) for name in below]
        files += [os.path.relpath(os.path.join(folder, name), root) for name in names]
    folders.remove("link")
    return Release(
        root=root, keyring="", files=tuple(sorted(files)), folders=tuple(sorted(folders))
    )


def _times(root: str) -> dict[str, int]:
    return {
        os.path.join(folder, name): os.lstat(os.path.join(folder, name)).st_mtime_ns
        for folder, _, names in os.walk(root)
        for name in names
    }


def test_every_change_is_seen_by_the_oracle_and_undone_exactly(root: str) -> None:
    release, generator = _release(root), random.Random(5)
    before, times, kinds = oracle.look(root), _times(root), set()
    for number in range(120):
        change = changes.draw(generator, release, number=number)
        change.make()
        assert oracle.differences(before, oracle.look(root)), change
        change.undo()
        assert oracle.look(root) == before, change
        assert _times(root) == times, change
        kinds.add(change.kind)
    assert kinds == set(changes.KINDS)


def test_an_edit_leaves_size_and_time_as_they_were(root: str) -> None:
    release, times = _release(root), _times(root)
    generator = random.Random(1)
    change = next(
        drawn
        for number in range(100)
        if (drawn := changes.draw(generator, release, number=number)).kind == "edit"
    )
    size = os.path.getsize(os.path.join(root, change.path))
    change.make()
    assert os.path.getsize(os.path.join(root, change.path)) == size
    assert _times(root) == times


def test_the_same_seed_draws_the_same_changes(root: str) -> None:
    release = _release(root)
    drawn = [
        [(one.kind, one.path) for one in (changes.draw(g, release, number=n) for n in range(30))]
        for g in (random.Random(2), random.Random(2))
    ]
    assert drawn[0] == drawn[1]


def test_whole_repair_brings_back_what_was_there(root: str) -> None:
    pristine = f"{root}.pristine"
    subprocess.run(["cp", "--archive", root, pristine], check=True)
    before, generator, damaged = oracle.look(root), random.Random(4), 0
    for _ in range(40):
        for _ in range(5):
            damage.damage(generator, root)
        damaged += oracle.look(root) != before
        share = generator.choice((0.3, 1.0))
        damage.repair(generator, root, pristine=pristine, sealed=before, share=share)
        if share == 1.0:
            assert oracle.look(root) == before
    assert damaged > 30


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        ("echo x > planted", {("new", b"planted")}),
        ("mkdir -p new/sub; echo x > new/sub/f", {("new", b"new/sub/f")}),
        ("mkdir new", {("new", b"new")}),
        ("rmdir empty", {("missing", b"empty")}),
        ("echo x > empty/f", {("new", b"empty/f")}),
        ("ln -sfn a_1 link", {("link_target", b"link")}),
        ("rm link; mkdir link", {("type", b"link")}),
        ("chmod 755 a_1", {("mode", b"a_1")}),
        ("touch a_1/b_1/file_1.py", set()),
    ],
)
def test_the_oracle_uses_the_words_of_findings(
    root: str, harm: str, expected: set[tuple[str, bytes]]
) -> None:
    before = oracle.look(root)
    subprocess.run(["sh", "-c", harm], cwd=root, check=True)
    assert oracle.differences(before, oracle.look(root)) == expected


def test_a_disagreement_says_which_side_is_wrong() -> None:
    right = oracle.Answer(status="corrupted", findings=frozenset({("new", b"a"), ("mode", b"b")}))
    said: dict[str, set[tuple[str, bytes]]] = {
        "": {("new", b"a"), ("mode", b"b")},
        "1 not found, as mode 'b'": {("new", b"a")},
        "1 invented, as new 'c'": {("new", b"a"), ("mode", b"b"), ("new", b"c")},
    }
    for words, findings in said.items():
        assert oracle.disagreement(right, status="corrupted", findings=findings) == words
    assert "status verified" in oracle.disagreement(right, status="verified", findings=set())


@pytest.mark.skipif(not os.path.exists(DURI), reason="duri is not built: make build")
def test_verify_and_the_oracle_agree_about_random_damage(
    root: str, tmp_path: os.PathLike[str]
) -> None:
    release = sealed(root, duri=DURI, home=os.path.join(tmp_path, "home"))
    pristine = f"{root}.pristine"
    subprocess.run(["cp", "--archive", root, pristine], check=True)
    before, artifacts = oracle.look(root), oracle.evidence(root)
    generator, statuses = random.Random(9), set()
    for number in range(15):
        for _ in range(generator.randint(1, 6)):
            damage.damage(generator, root)
        if number % 5 == 4:
            damage.tamper(generator, root)
        right = oracle.answer(root, sealed=before, artifacts=artifacts)
        ran = subprocess.run(
            [DURI, "verify", root, "--keyring", release.keyring, "--json"],
            capture_output=True,
            check=False,
        )
        status, findings = findings_in(json.loads(ran.stdout))
        assert not oracle.disagreement(right, status=status, findings=findings)
        statuses.add(status)
        damage.repair(generator, root, pristine=pristine, sealed=before, share=1)
    assert statuses == {"corrupted", "tampered"}


@pytest.mark.parametrize("way", ways.WAYS, ids=lambda way: way.name)
@pytest.mark.parametrize("is_sealed", [True, False])
def test_every_way_ends_with_the_successor(
    root: str, tmp_path: os.PathLike[str], way: ways.Way, *, is_sealed: bool
) -> None:
    if way.name.startswith("rsync") and shutil.which("rsync") is None:
        pytest.skip("rsync is not installed")
    made: dict[str, oracle.Tree] = {}

    def seal(root: str, version: str) -> None:
        os.mkdir(os.path.join(root, ".duri"))
        with open(os.path.join(root, ".duri", "evidence"), "w", encoding="utf-8") as file:
            file.write(version)
        made[version] = oracle.look(root, leave_out=None)

    home = os.path.join(tmp_path, "home")
    os.mkdir(home)
    stage = way.prepare(root, home=home, seal=seal, sealed=is_sealed)
    assert oracle.look(f"{stage.root}/", leave_out=None) == made["1"]
    stage.replace()
    after = oracle.look(f"{stage.root}/", leave_out=None)
    assert after != made["1"]
    if is_sealed:
        assert after == made["2"]
    else:
        assert oracle.differences(made["1"], after)
