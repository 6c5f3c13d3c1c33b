"""The two languages: the same keys and values, everything translated, the right one chosen."""

import string

import pytest

from duri.report import advice
from duri.report.kinds import MEANINGS
from duri.verdict import Finding, Kind, Status, Summary, Verdict
from duri.watch.page.languages import choose_language, translated, words


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def own(code: str) -> dict[str, str]:
    return {
        key: text
        for key, text in words("ko" if code == "ko" else "en").items()
        if not key.startswith("step ")
    }


def test_both_languages_have_the_same_keys_and_values() -> None:
    english, korean = own("en"), own("ko")
    assert english.keys() == korean.keys()
    for key, text in english.items():
        assert text
        assert korean[key]
        assert fields(text) == fields(korean[key]), key


def test_every_kind_has_words_in_both() -> None:
    for kind in Kind:
        assert own("en")[f"kind.{kind.value}"] == MEANINGS[kind].title
        assert own("ko")[f"kind.{kind.value}.help"] != MEANINGS[kind].help


def sentences() -> set[str]:
    """Return every sentence that an advice can hold."""
    said: set[str] = set()
    for status in Status:
        for kind in Kind:
            for spike in (False, True):
                verdict = Verdict(
                    status=status,
                    root="/srv/app",
                    checked_at="2026-11-22T10:00:00Z",
                    summary=Summary(spike_detected=spike),
                    findings=(Finding(kind=kind, status=status),),
                )
                said |= {step[0] for step in advice.next_steps(verdict)}
    return said


def test_every_step_is_translated_and_no_translation_is_left_over() -> None:
    korean = {key.removeprefix("step ") for key in words("ko") if key.startswith("step ")}
    assert korean == sentences()
    for sentence in korean:
        assert translated(sentence, code="en") == sentence
        assert translated(sentence, code="ko") != sentence


def test_step_that_nobody_translated_is_said_in_english() -> None:
    assert translated("Run.", code="ko") == "Run."


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("ko", "ko"),
        ("ko-KR,ko;q=0.9,en-US;q=0.8", "ko"),
        ("en-US,en;q=0.9,ko;q=0.8", "en"),
        ("de,ko;q=0.5,en;q=0.4", "ko"),
        ("de,fr", "en"),
        ("KO-kr", "ko"),
        ("en;q=0.1, ko;q=0.2", "ko"),
        ("ko;q=0", "en"),
        ("ko;q=0,en", "en"),
        ("*", "en"),
        ("ko;q=nan", "en"),
        ("ko;q=9", "en"),
        ("ko;level=1", "en"),
        ("korean", "en"),
        (";;;,,,q=\x00" + "x" * 10_000, "en"),
    ],
)
def test_language_is_the_one_that_was_asked_for(header: str | None, language: str) -> None:
    assert choose_language(header) == language
