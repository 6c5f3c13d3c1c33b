"""Every kind of finding has words, and stands where a reader looks for it."""

from tests.unit.report.samples import MODIFIED

from duri.report.kinds import MEANINGS, Group, group_of
from duri.verdict import Finding, Kind, Status


def test_every_kind_has_words() -> None:
    assert set(MEANINGS) == set(Kind)
    assert all(meaning.title and meaning.help.endswith(".") for meaning in MEANINGS.values())


def test_a_finding_that_does_not_fail_is_a_note() -> None:
    lenient = Finding(kind=Kind.NEW, status=Status.VERIFIED, path=b"x")
    assert group_of(lenient) is Group.NOTES
    assert group_of(MODIFIED) is Group.CHANGED


def test_a_finding_that_leaves_no_verdict_is_listed_as_the_reason() -> None:
    cut = Finding(kind=Kind.CHANGING, status=Status.UNVERIFIABLE, path=b"x")
    assert group_of(cut) is Group.UNVERIFIABLE
