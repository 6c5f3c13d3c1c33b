"""The tree of findings: counts are whole, what is listed is bounded, chains of folders are one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.watch.page_snapshots import HOSTILE_NAMES, MANY, NOW, OLD, corrupted

from duri.report.escape import shown
from duri.verdict import Finding, Kind, Status
from duri.watch.page import tree
from duri.watch.snapshot import Origin


def lines(*paths: bytes) -> tuple[tree.Line, ...]:
    return tree.tree([corrupted(Kind.NEW, path) for path in paths], origins={})


def drawn(*paths: bytes) -> list[str]:
    """Return the tree as one indented line a step."""
    depth, out = 0, []
    for line in lines(*paths):
        if line.step == "close":
            depth -= 1
            continue
        tail = f" {line.count}" if line.count else ""
        out.append("  " * depth + (line.name.whole or line.step) + tail)
        depth += line.step == "open"
    return out


def test_nothing_found_is_no_tree() -> None:
    assert lines() == ()


def test_findings_lie_in_their_folders_and_folders_count_them() -> None:
    assert drawn(b"b/x", b"a/one", b"a/sub/two", b"top") == [
        "a/ 2",
        "  sub/ 1",
        "    two",
        "  one",
        "b/ 1",
        "  x",
        "top",
    ]


def test_chain_of_folders_is_one_line() -> None:
    assert drawn(b"usr/lib/python3/a.py", b"usr/lib/python3/b/c.py") == [
        "usr/lib/python3/ 2",
        "  b/ 1",
        "    c.py",
        "  a.py",
    ]


def test_file_and_folder_of_one_name_stay_apart() -> None:
    assert drawn(b"a", b"a/b") == ["a/ 1", "  b", "a"]


def test_folder_lists_so_many_and_counts_the_rest() -> None:
    out = drawn(*(b"d/%04d" % at for at in range(100)))
    assert out[0] == "d/ 100"
    assert len(out) == 1 + tree.MAX_IN_FOLDER + 1
    assert out[-1] == f"  more {100 - tree.MAX_IN_FOLDER}"


def test_first_folder_does_not_hide_the_others() -> None:
    paths = [b"%s/%d/%d" % (name, at % 40, at) for name in (b"a", b"b", b"z") for at in range(3000)]
    listed: dict[str, int] = {}
    folder = ""
    for line in lines(*paths):
        if line.step == "open" and line.count == 3000:
            folder = line.name.whole
        listed[folder] = listed.get(folder, 0) + (line.step == "row")
    assert listed.keys() == {"a/", "b/", "z/"}
    assert min(listed.values()) > tree.MAX_LINES / 5


def test_ten_thousand_findings_are_listed_within_bounds_and_counted_whole() -> None:
    made = tree.tree(MANY, origins={})
    counted = [line for line in made if line.step in {"open", "row"}]
    assert len(counted) <= tree.MAX_LINES
    rows = sum(line.step == "row" for line in made)
    assert rows + sum(line.count for line in made if line.step == "more") == len(MANY)
    assert made[0].count == len(MANY)


def test_more_findings_than_are_looked_at_are_counted_at_the_end() -> None:
    made = lines(*(b"%d" % at for at in range(tree.MAX_FINDINGS + 7)))
    assert made[-1] == tree.Line(step="more", count=7)


def test_few_findings_start_open_and_many_start_closed() -> None:
    few = lines(b"a/b/c", b"a/d/e")
    assert all(line.expanded for line in few if line.step == "open")
    many = lines(*(b"a/%d/c" % at for at in range(tree.OPEN_ROWS + 1)))
    assert [line.expanded for line in many if line.step == "open"][:2] == [True, False]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_name_is_shown_escaped_and_cut(name: bytes) -> None:
    (row,) = [line for line in lines(name) if line.step == "row"]
    assert row.name.whole == shown(name.rpartition(b"/")[2])
    assert len(row.name.short or row.name.whole) <= tree.LONG


def test_thousand_folders_in_one_another_are_no_deeper_than_the_bound() -> None:
    paths = [b"/".join([b"d"] * depth) + b"/f" for depth in range(1, 1000)]
    depth = deepest = 0
    for line in lines(*paths):
        depth += {"open": 1, "close": -1}.get(line.step, 0)
        deepest = max(deepest, depth)
    assert depth == 0
    assert deepest <= tree.MAX_DEPTH


def test_digest_is_shortened_and_what_only_looks_like_one_is_not() -> None:
    content = tree.row(corrupted(Kind.MODIFIED, b"f", expected=OLD, actual="ab" * 32), name=b"f")
    assert content.expected == tree.Text("sha256:9f2c9f2c9f2c…")
    assert content.actual == tree.Text("abababababab…")
    link = tree.row(corrupted(Kind.LINK_TARGET, b"f", actual="ab" * 32), name=b"f")
    assert link.actual == tree.Text("ab" * 32)


def test_row_says_who_changed_it_where_that_is_known() -> None:
    origin = Origin(pid=7, at=NOW)
    found = [corrupted(Kind.NEW, b"a"), corrupted(Kind.NEW, b"b")]
    first, second = tree.tree(found, origins={b"a": origin})
    assert first.origin == origin
    assert second.origin is None


def test_artifact_is_not_a_path_of_the_tree() -> None:
    artifact = Finding(kind=Kind.ARTIFACT_MISSING, status=Status.TAMPERED, path=b"checksums.json")
    assert not tree.is_of_the_tree(artifact)
    assert tree.is_of_the_tree(corrupted(Kind.MODIFIED, b"checksums.json"))
    assert not tree.is_of_the_tree(Finding(kind=Kind.NEW, status=Status.VERIFIED, path=b"x"))


names = st.lists(st.sampled_from([b"a", b"b", b"c"]), min_size=1, max_size=6).map(b"/".join)


@given(st.lists(names, max_size=60))
def test_every_finding_is_listed_or_counted(paths: list[bytes]) -> None:
    made = lines(*paths)
    rows = sum(line.step == "row" for line in made)
    more = sum(line.count for line in made if line.step == "more")
    assert rows + more == len(paths)
    assert made == lines(*reversed(paths))
