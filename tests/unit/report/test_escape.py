"""Names are shown safely, exactly and differently where they differ."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from duri.report.escape import printable, shown, unshown

PATHS = st.one_of(st.binary(), st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))


@pytest.mark.parametrize(
    "name",
    [
        b"app/main.py",
        b"a b.txt",
        b".hidden",
        "문서/설명서.md".encode(),
        "caf\u00e9".encode(),
        b"~$&<>",
    ],
)
def test_a_plain_name_is_shown_as_it_is(name: bytes) -> None:
    assert shown(name) == name.decode()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"a\nb", r"a\nb"),
        (b"a\r\tb", r"a\r\tb"),
        (b"\x1b[31mred\x07", r"\x1b[31mred\x07"),
        (b"\x00", r"\x00"),
        (b"\x7f", r"\x7f"),
        (b"back\\slash", r"back\\slash"),
        (b"\xff\xfe", r"\xff\xfe"),
        (b"ok\xc3", r"ok\xc3"),
        ("\u009b31m".encode(), r"\u009b31m"),
        ("exe.\u202etxt".encode(), r"exe.\u202etxt"),
        ("\u2066a\u2069".encode(), r"\u2066a\u2069"),
        ("zero\u200bwidth".encode(), r"zero\u200bwidth"),
        ("\ufeffbom".encode(), r"\ufeffbom"),
        ("no\u00a0break".encode(), r"no\u00a0break"),
        ("filler\u3164".encode(), r"filler\u3164"),
        ("tag\U000e0041".encode(), r"tag\U000e0041"),
        ("line\u2028end".encode(), r"line\u2028end"),
        (b" lead", r"\x20lead"),
        (b"trail ", r"trail\x20"),
        (b"two  spaces", r"two \x20spaces"),
        (b" ", r"\x20"),
    ],
)
def test_what_would_act_or_hide_is_escaped(name: bytes, text: str) -> None:
    assert shown(name) == text


def test_composed_and_decomposed_twins_differ_on_the_screen() -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    assert unicodedata.normalize("NFC", decomposed) == composed
    assert shown(composed.encode()) == composed
    assert shown(decomposed.encode()) == r"cafe\u0301"


def test_a_mark_without_a_letter_and_a_pile_of_marks_are_escaped() -> None:
    assert shown("a/\u0301b".encode()) == r"a/\u0301b"
    piled = shown(("q" + "\u0323" + "\u0307" * 9).encode())
    assert piled.count("\u0307") + piled.count("\u0323") <= 3


def test_ascii_only_leaves_ascii_only() -> None:
    assert shown("문서".encode(), ascii_only=True) == r"\ubb38\uc11c"
    assert shown(b"plain", ascii_only=True) == "plain"


@given(PATHS, st.booleans())
@example(b"\\x41", False)
@example(b"\\u0041\xff", True)
def test_showing_is_reversible(path: bytes, ascii_only: bool) -> None:  # noqa: FBT001 - hypothesis
    assert unshown(shown(path, ascii_only=ascii_only)) == path


@given(PATHS)
def test_nothing_shown_acts_on_a_terminal(path: bytes) -> None:
    text = shown(path)
    assert text.isprintable()
    assert "  " not in text
    assert text.strip() == text
    assert unicodedata.normalize("NFC", text) == text


@given(PATHS, PATHS)
def test_two_names_never_look_the_same(one: bytes, other: bytes) -> None:
    assert (shown(one) == shown(other)) == (one == other)


@pytest.mark.parametrize("text", ["\\", "a\\q", "\\x4", "\\xGG", "\\x-1", "\\u123", "\\U0000004"])
def test_a_backslash_that_starts_no_escape_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no escape at byte"):
        unshown(text)


def test_a_sentence_keeps_its_backslashes_and_loses_its_controls() -> None:
    assert printable(r"name a\nb is fine") == r"name a\nb is fine"
    assert printable("a\nb\x1b[2J\u202e") == r"a\nb\x1b[2J\u202e"
    assert printable("é", ascii_only=True) == r"\u00e9"
    assert printable("é") == "é"
    assert printable("\udcff") == r"\xff"
