"""One difference between a tree and its seal, as a finding.

Guarantees: what could not be seen is `unverifiable`, never unchanged; a new file fails where the
policy is strict. Each kind has one sentence.
"""

from duri.verdict import Finding, Kind, Status

UNSEEN = frozenset({Kind.UNREADABLE, Kind.IO_ERROR})

_DETAILS = {
    Kind.MODIFIED: "the content is not what was sealed",
    Kind.MISSING: "sealed, and not there",
    Kind.NEW: "there, and not sealed",
    Kind.TYPE: "another type of file than was sealed",
    Kind.MODE: "the mode is not what was sealed",
    Kind.LINK_TARGET: "the link leads elsewhere than was sealed",
    Kind.CAPABILITY: "the file capability is not what was sealed",
    Kind.OWNER: "the owner is not what was sealed",
    Kind.HARD_LINK: "another name outside the sealed tree reaches this file",
    Kind.MOUNT_POINT: "something is mounted here, over what was sealed",
    Kind.CHANGING: "it is being written to while it is read",
    Kind.EXECUTABLE: "executable, where the policy allows data only",
    Kind.UNREADABLE: "it may not be read",
    Kind.IO_ERROR: "reading it failed",
}

_UNNAMED = "more differs than is named here; `duri verify --all` names everything"


def finding(
    kind: Kind, path: bytes, expected: str | None, actual: str | None, *, strict: bool
) -> Finding:
    """Return the finding for one row of the core's."""
    if kind in UNSEEN:
        status = Status.UNVERIFIABLE
    elif kind is Kind.NEW and not strict:
        status = Status.VERIFIED
    else:
        status = Status.CORRUPTED
    return Finding(
        kind=kind,
        status=status,
        path=path,
        expected=expected,
        actual=actual,
        detail=_DETAILS[kind],
    )


def unnamed(count: int) -> tuple[Finding, ...]:
    """Return a note that so many findings are not named; none where all are."""
    if count == 0:
        return ()
    return (
        Finding(
            kind=Kind.UNNAMED,
            status=Status.VERIFIED,
            actual=f"{count} findings",
            detail=_UNNAMED,
        ),
    )
