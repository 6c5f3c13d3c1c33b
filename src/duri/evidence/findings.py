"""Findings about evidence: each says `tampered` unless it says otherwise."""

import os

from duri.errors import DuriError, UnverifiableError
from duri.verdict import Finding, Kind, Status


def finding(
    kind: Kind,
    detail: str,
    status: Status = Status.TAMPERED,
    *,
    path: str | None = None,
    expected: str | None = None,
    actual: str | None = None,
) -> Finding:
    """Return a finding about an artifact, named by its file name."""
    return Finding(
        kind=kind,
        status=status,
        path=None if path is None else path.encode(),
        expected=expected,
        actual=actual,
        detail=detail,
    )


def from_error(kind: Kind, name: str, error: DuriError) -> Finding:
    """Return the finding that an error about an artifact calls for.

    What was got stands beside what was expected; where nothing was, it is what explains the error.
    """
    compared = error.got is None or error.expected is not None
    return finding(
        kind,
        error.what if compared else f"{error.what}: {error.got}",
        Status.UNVERIFIABLE if isinstance(error, UnverifiableError) else Status.TAMPERED,
        path=name,
        expected=error.expected,
        actual=error.got if compared else None,
    )


def unverifiable(kind: Kind, error: DuriError) -> Finding:
    """Return the finding of an error that leaves no verdict."""
    return Finding(
        kind=kind,
        status=Status.UNVERIFIABLE,
        path=None if error.where is None else os.fsencode(error.where),
        expected=error.expected,
        actual=error.got,
        detail=error.what if error.todo is None else f"{error.what}. {error.todo}",
    )


def note(sentence: str, *, kind: Kind = Kind.CONFIGURATION_IGNORED) -> Finding:
    """Return a finding that never fails: something here is not as its owner may think."""
    return Finding(kind=kind, status=Status.VERIFIED, detail=sentence)
