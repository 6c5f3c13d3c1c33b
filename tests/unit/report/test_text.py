"""What a person reads: status first, differences grouped and cut, what to do next."""

import io
import re
import shutil
import subprocess

import msgspec
import pytest
from tests.unit.report.samples import (
    EVERY_STATUS,
    HOSTILE,
    MODIFIED,
    STATUS_OF,
    UNKNOWN,
    finding,
    verdict,
)

from duri.report.advice import next_steps, quoted
from duri.report.text import LISTED, Look, look_for, render
from duri.verdict import Finding, Kind, Status, Summary, Verdict

UTF8 = Look(ascii_only=False)


class Terminal(io.TextIOWrapper):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("status", list(Status))
def test_the_status_is_the_first_word(status: Status) -> None:
    text = render(EVERY_STATUS[status])
    assert text.split()[0] == status.value.upper()
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def test_verified_takes_two_lines() -> None:
    assert render(EVERY_STATUS[Status.VERIFIED]) == (
        "VERIFIED  /srv/app is what was released\n"
        "Release shop 1.4.2 in prod, deployment shop-1.4.2-17-0123456789ab, sealed"
        " 2026-11-20T09:00:00Z, signed by abababababab...; 2,262 files, 25.0 MB in 263 ms,"
        " checked 2026-11-22T10:00:00Z\n"
    )


def test_verified_with_notes_takes_three_lines_however_many_there_are() -> None:
    notes = [Finding(kind=Kind.NEW, status=Status.VERIFIED, path=b"n%d" % n) for n in range(500)]
    lenient = verdict(Status.VERIFIED, finding(Kind.UNSIGNED), *notes)
    lines = render(lenient).splitlines()
    assert len(lines) == 3
    assert lines[2] == "Notes: 1 unsigned, 500 new (--all lists them)"
    assert len(render(lenient, show_all=True).splitlines()) == 2 + 1 + 501


def test_a_report_of_a_change_says_what_was_sealed_what_is_there_and_what_to_do() -> None:
    assert render(verdict(Status.CORRUPTED, MODIFIED), look=UTF8) == (
        "CORRUPTED  /srv/app is not what was released\n"
        "Release shop 1.4.2 in prod, deployment shop-1.4.2-17-0123456789ab, sealed"
        " 2026-11-20T09:00:00Z, signed by abababababab…\n"
        "\n"
        "Changed (1)\n"
        "  app/main.py  content: sealed sha256:abababababab…, now sha256:cdcdcdcdcdcd…\n"
        "\n"
        "Next\n"
        "  1. Take this instance out of traffic. Leave it running: its memory is evidence.\n"
        "  2. Keep the evidence before anything is replaced.\n"
        "       duri verify --json /srv/app > /var/tmp/verdict.json\n"
        "       tar -cf /var/tmp/evidence.tar -C /srv/app .\n"
        "  3. See every difference.\n"
        "       duri verify --all /srv/app\n"
        "  4. Put the last good release back, and start it only through the gate.\n"
        "       duri gate /srv/app -- COMMAND\n"
        "\n"
        "2,262 files, 25.0 MB in 263 ms, checked 2026-11-22T10:00:00Z\n"
    )


def test_a_long_group_is_cut_and_says_how_many_more_there_are() -> None:
    many = [finding(Kind.NEW, b"planted/%04d" % n) for n in range(1244)]
    text = render(verdict(Status.CORRUPTED, *many))
    assert "New (1,244)" in text
    assert text.count("planted/") == LISTED
    assert "... and 1,234 more (--all shows them)" in text
    assert "… and 1,234 more (--all shows them)" in render(
        verdict(Status.CORRUPTED, *many), look=UTF8
    )


def test_all_lists_everything_and_whole_digests() -> None:
    many = [finding(Kind.NEW, b"planted/%04d" % n) for n in range(1244)]
    text = render(verdict(Status.CORRUPTED, MODIFIED, *many), show_all=True)
    assert all(f"planted/{n:04d}" in text for n in range(1244))
    assert "more (--all" not in text
    assert MODIFIED.expected is not None
    assert MODIFIED.expected in text


def test_exactly_as_many_as_are_listed_are_not_cut() -> None:
    ten = [finding(Kind.MISSING, b"gone/%d" % n) for n in range(LISTED)]
    assert "more (--all" not in render(verdict(Status.CORRUPTED, *ten))


def test_a_folder_that_all_share_is_named_once() -> None:
    deep = b"lib/python3.11/site-packages/"
    three = [finding(Kind.MISSING, deep + name) for name in (b"a.py", b"ab/c.py", b"b.py")]
    text = render(verdict(Status.CORRUPTED, *three))
    assert "Missing (3), below lib/python3.11/site-packages/\n  a.py\n  ab/c.py\n  b.py\n" in text
    other = [*three, finding(Kind.MISSING, b"etc/x")]
    assert "  lib/python3.11/site-packages/ab/c.py\n" in render(verdict(Status.CORRUPTED, *other))


def test_groups_come_in_the_order_of_the_status_that_they_call_for() -> None:
    text = render(
        verdict(
            Status.TAMPERED,
            *(finding(kind, None if kind is Kind.UNSIGNED else b"x") for kind in reversed(Kind)),
        )
    )
    headings = re.findall(r"^([A-Z][A-Za-z ]+) \(\d+\)$", text, re.MULTILINE)
    assert headings == [
        "No verdict because of",
        "Evidence",
        "Changed",
        "Missing",
        "New",
        "Attributes",
        "Policy",
        "Notes",
    ]


def test_a_spike_is_said_before_the_list_and_looked_at_before_a_rollback() -> None:
    summary = Summary(
        total_files=2262, modified_files=1000, missing_files=500, new_files=300, spike_detected=True
    )
    text = render(verdict(Status.CORRUPTED, MODIFIED, summary=summary))
    assert "\nSPIKE  1,800 files differ where 2,262 were sealed.\n" in text
    assert text.index("SPIKE") < text.index("Changed (1)")
    assert text.index("df /srv/app") < text.index("duri gate")
    assert "SPIKE" not in render(verdict(Status.CORRUPTED, MODIFIED))


def test_a_release_that_nothing_vouches_for_is_not_named() -> None:
    text = render(UNKNOWN)
    assert "Release unknown: no authentic evidence names it" in text
    assert "there is no .duri here" in text
    assert "Nothing scanned" in text


@pytest.mark.parametrize("kind", [kind for kind in Kind if STATUS_OF[kind] is Status.UNVERIFIABLE])
def test_each_reason_for_no_verdict_has_its_remedy(kind: Kind) -> None:
    judged = verdict(Status.UNVERIFIABLE, finding(kind))
    generic = verdict(Status.UNVERIFIABLE)
    assert len(next_steps(judged)) == len(next_steps(generic)) + 1


def test_the_command_that_was_run_is_the_one_to_run_again() -> None:
    text = render(UNKNOWN, again="duri verify /srv/app --keyring k.json")
    assert "       duri verify /srv/app --keyring k.json\n" in text


def test_a_flag_is_added_where_it_is_one() -> None:
    judged = EVERY_STATUS[Status.CORRUPTED]
    behind = render(judged, again="duri verify --keyring k.json -- -root")
    assert "       duri verify --all --keyring k.json -- -root\n" in behind
    assert "       other --all\n" in render(judged, again="other")


def test_values_are_called_what_they_are() -> None:
    def line(kind: Kind, path: bytes | None, detail: str = "said") -> str:
        one = msgspec.structs.replace(
            finding(kind, path, detail=detail), expected="one", actual="two"
        )
        text = render(verdict(one.status, one))
        return next(line for line in text.splitlines() if "one" in line or "x" in line[:4])

    assert line(Kind.MODE, b"x") == "  x  mode: sealed one, now two"
    assert line(Kind.NEW, b"x") == "  x"
    assert line(Kind.MISSING, b"x") == "  x"
    assert line(Kind.MODE_DIFFERS, None) == "  mode  sealed one, declared here two; said"
    assert line(Kind.SCHEMA_OLDER, None) == "  older schema  expected one, sealed two; said"
    assert line(Kind.BELOW_FLOOR, b"x") == ("  x  older than allowed: expected one, got two; said")


def test_a_rotation_is_only_suspected_where_a_key_is() -> None:
    untrusted = verdict(Status.TAMPERED, finding(Kind.SIGNATURE_UNTRUSTED, b"checksums.sig"))
    assert "duri keys list" in render(untrusted)
    assert "duri keys list" not in render(EVERY_STATUS[Status.TAMPERED])


@pytest.mark.parametrize("look", [Look(), UTF8, Look(colour=True, ascii_only=False)])
def test_a_hostile_name_never_reaches_the_terminal(look: Look) -> None:
    bad = msgspec.structs.replace(HOSTILE, kind=Kind.LINK_TARGET, actual="\x9b31m\u202e")
    said = finding(Kind.SIGNATURE_INVALID, b"checksums.sig", detail="see \x1b[2J")
    other = finding(Kind.NEW, "é".encode())
    judged = verdict(
        Status.CORRUPTED, bad, said, MODIFIED, other, root="/srv/\x1b[8mapp\n", deployment_id="a\nb"
    )
    text = render(judged, look=look, show_all=True)
    ours = re.sub(r"\x1b\[(?:1;97;41|1;30;43|1;32|0)m", "", text)
    assert all(line.isprintable() for line in ours.split("\n"))
    assert r"app/\x1b]0;owned\x07\xff\n<script>.py" in text
    assert text.isascii() == look.ascii_only


def test_colour_is_for_a_terminal_without_no_color() -> None:
    terminal = Terminal(io.BytesIO(), encoding="utf-8")
    pipe = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    assert look_for(terminal, environ={}) == Look(colour=True, ascii_only=False)
    assert look_for(terminal, environ={"NO_COLOR": ""}).colour
    assert not look_for(terminal, environ={"NO_COLOR": "1"}).colour
    assert not look_for(terminal, environ={"TERM": "dumb"}).colour
    assert not look_for(pipe, environ={}).colour
    assert look_for(io.TextIOWrapper(io.BytesIO(), encoding="ascii"), environ={}).ascii_only
    assert look_for(io.TextIOWrapper(io.BytesIO(), encoding="euc-kr"), environ={}).ascii_only


@pytest.mark.parametrize("status", list(Status))
def test_only_colour_differs_between_a_terminal_and_a_pipe(status: Status) -> None:
    judged = EVERY_STATUS[status]
    coloured = render(judged, look=Look(colour=True))
    assert coloured.startswith("\x1b[")
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == render(judged)


@pytest.mark.parametrize(
    "text", ["/srv/app", "a b", "it's", "-x", "$(reboot)", "a\nb", "\udcff7", "é"]
)
def test_a_quoted_word_is_one_word_for_a_shell(text: str) -> None:
    bash = shutil.which("bash")
    assert bash
    script = b"printf %s " + quoted(text).encode()
    done = subprocess.run([bash, "-c", script], capture_output=True, check=True)
    assert done.stdout == text.encode("utf-8", "surrogateescape")


def test_a_root_that_looks_like_an_option_is_none() -> None:
    assert "duri verify --all ./-rf" in render(verdict(Status.CORRUPTED, MODIFIED, root="-rf"))


def test_a_hundred_thousand_findings_render_in_a_moment() -> None:
    many = tuple(finding(Kind.NEW, b"n/%06d" % n) for n in range(100_000))
    judged: Verdict = verdict(Status.CORRUPTED, *many)
    assert len(render(judged).splitlines()) < 40
