"""Every peer that is installed accepts the good tree and refuses a changed one."""

import os

import pytest

from bench.__main__ import CHECKOUT
from bench.contestants import FLOOR, MissingError, floor, inner_seconds, reference
from bench.corpora import Corpus
from bench.peers import PEERS, Peer, split
from bench.rounds import WARM_UPS, RefusedError, checked, measure, warm
from bench.stopwatch import Tools


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_peer_tells_a_good_tree_from_a_changed_one(
    peer: Peer, corpus: Corpus, tools: Tools
) -> None:
    home = os.path.join(os.path.dirname(corpus.root), "home")
    os.mkdir(home)
    # Building b3sum takes half a minute: the benchmark's own is used, or made here for it.
    shared = os.path.join(CHECKOUT, ".bench", "homes", "b3sum")
    os.makedirs(shared, exist_ok=True)
    os.symlink(shared, os.path.join(os.path.dirname(home), "b3sum"))
    try:
        contestant = peer.prepare(corpus, home=home, cores=2)
    except MissingError as error:
        pytest.skip(str(error))
    checked(contestant, corpus=corpus, tools=tools)
    with open(os.path.join(corpus.root, "a", "b", "large"), "r+b") as file:
        file.write(b"changed")
    with pytest.raises(RefusedError, match="does not accept"):
        checked(contestant, corpus=corpus, tools=tools)


@pytest.mark.parametrize("parts", [1, 2, 3, 8, 100])
def test_a_split_list_keeps_every_line_in_order(parts: int) -> None:
    lines = [b"%d" % number for number in range(37)]
    runs = split(lines, list(range(1, 38)), parts=parts)
    assert [line for run in runs for line in run] == lines
    assert len(runs) <= parts
    assert all(runs)


def test_equal_giants_go_to_a_part_each() -> None:
    assert split([b"a", b"b", b"c", b"d"], [1 << 30] * 4, parts=2) == [[b"a", b"b"], [b"c", b"d"]]


def test_rounds_measure_everybody_and_name_who_fails(corpus: Corpus, tools: Tools) -> None:
    good = floor(corpus, tools=tools, threads=2)
    bad = reference("/bin/false", cwd=corpus.root)
    rows, absences = measure([good, bad], corpus=corpus, tools=tools, runs=3, budget=10.0)
    assert [(row.contestant, len(row.walls)) for row in rows] == [(good.name, 3)]
    assert len(rows[0].inner) == 3
    assert [(gap.contestant, "code 1" in gap.reason) for gap in absences] == [(bad.name, True)]


def test_warming_up_ends(corpus: Corpus, tools: Tools) -> None:
    count = warm(floor(corpus, tools=tools, threads=2), corpus=corpus, tools=tools)
    assert 2 <= count <= WARM_UPS


def test_a_slow_contestant_runs_fewer_times(corpus: Corpus, tools: Tools) -> None:
    good = floor(corpus, tools=tools, threads=2)
    rows, _ = measure([good], corpus=corpus, tools=tools, runs=20, budget=0.0)
    assert len(rows[0].walls) == 3


def test_a_floor_that_counts_another_tree_is_refused(corpus: Corpus, tools: Tools) -> None:
    contestant = floor(corpus, tools=tools, threads=2)
    assert contestant.kind == FLOOR
    with open(os.path.join(corpus.root, "planted"), "wb") as file:
        file.write(b"x")
    with pytest.raises(RefusedError, match="another tree"):
        checked(contestant, corpus=corpus, tools=tools)


def test_a_program_that_gives_no_time_of_its_own_has_none(corpus: Corpus) -> None:
    assert inner_seconds(reference("/bin/true", cwd=corpus.root), "") is None
