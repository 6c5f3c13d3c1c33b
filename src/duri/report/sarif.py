"""A verdict as SARIF 2.1.0 (OASIS), for code-scanning services and editors.

Guarantees: one run, one rule for each kind of finding (all of them, so an index never moves between
runs of one DuRi), one result for each finding. A path is a URI relative to SRCROOT, an artifact's
name one relative to ARTIFACTS, an absolute one a file: URI, with every byte outside RFC 3986's
unreserved set percent-encoded, so no name is lost or read as markup. Fingerprints depend on kind
and path only: the same deviation is the same alert in the next scan, in any release and on any
host. A verdict that could not be reached says `executionSuccessful: false`.
"""

import hashlib

import msgspec

from duri.report.escape import printable, shown
from duri.report.kinds import MEANINGS, Group
from duri.verdict import Finding, Kind, Status, Verdict

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"

_LEVELS = {"critical": "error", "warning": "warning", "none": "note"}

_UNRESERVED = frozenset(
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/",
)
"""RFC 3986, section 2.3, and the slash between segments."""

_TREE = frozenset({Group.CHANGED, Group.MISSING, Group.NEW, Group.ATTRIBUTES})
_TREE_KINDS = frozenset({Kind.UNREADABLE, Kind.IO_ERROR, Kind.IGNORE_DIFFERS})
_ARTIFACT_KINDS = frozenset({Kind.SCHEMA_UNKNOWN, Kind.SCHEMA_OLDER, Kind.HASH_UNKNOWN})

Json = dict[str, object]


def render(verdict: Verdict, *, version: str) -> bytes:
    """Return the SARIF log in UTF-8, ending in a newline; `version` is DuRi's own."""
    return msgspec.json.format(msgspec.json.encode(log(verdict, version=version)), indent=2) + b"\n"


def log(verdict: Verdict, *, version: str) -> Json:
    """Return the SARIF log as plain JSON values."""
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "DuRi",
                        "version": version,
                        "rules": [_rule(kind) for kind in Kind],
                    }
                },
                "automationDetails": {"id": "duri/verify/"},
                "originalUriBaseIds": {
                    "SRCROOT": {
                        "description": {"text": "The root of the release, as given to duri."}
                    },
                    "ARTIFACTS": {
                        "description": {"text": "The folder that holds the release's evidence."}
                    },
                },
                "columnKind": "unicodeCodePoints",
                "invocations": [_invocation(verdict)],
                "properties": _properties(verdict),
                "results": [_result(finding) for finding in verdict.findings],
            }
        ],
    }


def uri(path: bytes) -> str:
    """Return a path as a URI reference relative to its base."""
    # A first segment with a colon would read as a scheme (RFC 3986, section 4.2); it is encoded.
    return "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in path)


def _rule(kind: Kind) -> Json:
    meaning = MEANINGS[kind]
    name = "".join(word.capitalize() for word in kind.value.split("_"))
    return {
        "id": f"duri/{kind.value}",
        "name": name,
        "shortDescription": {"text": f"{meaning.group.name.capitalize()}: {meaning.title}"},
        "fullDescription": {"text": meaning.help},
        "help": {"text": f"{meaning.help} `duri verify` on the host says what to do next."},
        "defaultConfiguration": {"level": "error"},
    }


def _invocation(verdict: Verdict) -> Json:
    return {
        "executionSuccessful": verdict.status is not Status.UNVERIFIABLE,
        "exitCode": verdict.exit_code,
        "exitCodeDescription": verdict.status.value,
        "endTimeUtc": verdict.checked_at,
    }


def _properties(verdict: Verdict) -> Json:
    release = {
        "product": verdict.product,
        "environment": verdict.environment,
        "version": verdict.version,
        "deployment_id": verdict.deployment_id,
    }
    known = {key: value for key, value in release.items() if value is not None}
    return {
        "status": verdict.status.value,
        "severity": verdict.status.severity,
        **known,
        **msgspec.structs.asdict(verdict.summary),
    }


def _result(finding: Finding) -> Json:
    result: Json = {
        "ruleId": f"duri/{finding.kind.value}",
        "ruleIndex": _INDEX[finding.kind],
        "level": _LEVELS[finding.status.severity],
        "message": {"text": _message(finding)},
        "partialFingerprints": {"duriFinding/v1": _fingerprint(finding)},
        "properties": {"status": finding.status.value},
    }
    if finding.path is not None:
        place = _place(finding.kind, finding.path)
        if place is not None:
            result["locations"] = [{"physicalLocation": {"artifactLocation": place}}]
    return result


def _place(kind: Kind, path: bytes) -> Json | None:
    """Return where a finding is; None for a file outside root and evidence, named relatively.

    Such a file, a keyring for one, is relative to a working folder that the reader does not have.
    """
    if path.startswith(b"/"):
        return {"uri": f"file://{uri(path)}"}
    group = MEANINGS[kind].group
    if group in _TREE or kind in _TREE_KINDS:
        return {"uri": uri(path), "uriBaseId": "SRCROOT"}
    if group is Group.EVIDENCE or kind in _ARTIFACT_KINDS:
        return {"uri": uri(path), "uriBaseId": "ARTIFACTS"}
    return None


def _message(finding: Finding) -> str:
    meaning = MEANINGS[finding.kind]
    name = "" if finding.path is None else f"{shown(finding.path)}: "
    text = f"{name}{meaning.title}"
    if finding.expected is not None:
        text += f"; expected {finding.expected}"
    if finding.actual is not None:
        text += f"; got {finding.actual}"
    text = printable(f"{text}. {finding.detail or meaning.help}")
    # Brackets would make an embedded link (SARIF 2.1.0, section 3.11.6).
    for c in "\\[]":
        text = text.replace(c, f"\\{c}")
    return text


def _fingerprint(finding: Finding) -> str:
    path = b"" if finding.path is None else b"/" + finding.path
    return hashlib.sha256(finding.kind.value.encode() + path).hexdigest()


_INDEX = {kind: index for index, kind in enumerate(Kind)}
