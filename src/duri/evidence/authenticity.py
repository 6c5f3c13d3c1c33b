"""Is this evidence authentic, and is it the evidence that is expected here?

    1. Each signature file is parsed; which of its signatures count is asked of the keyring.
    2. All signature files that are there say the same, to the byte.
    3. Only then the signed statement is read: each artifact must be in it, and all of them there.
    4. Only then the metadata is read; it must be the release that the statement names.
    5. The provenance must be about these artifacts.
    6. The release must be the one expected here: product, environment, not below the floor.
    7. Time must not have gone backwards since it was signed or since this verifier last looked.

Guarantees: no field of an artifact is used before step 3 has accepted its bytes. Every step adds
findings; a later step runs only on what an earlier one accepted.
"""

import msgspec

from duri.errors import DuriError, UnverifiableError
from duri.evidence import envelope as dsse
from duri.evidence import expectation, findings, release, statement
from duri.evidence.folder import Artifacts, OnDisk
from duri.evidence.keys.keyring import Keyring
from duri.verdict import Finding, Kind, SignatureCheck, Status

_NEEDED = (release.CHECKSUMS_SIGNATURE, release.METADATA_SIGNATURE)


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What may be believed.

    Attributes:
        metadata: None unless its bytes were accepted.
        content: artifacts whose bytes were accepted.
        on_disk: artifacts whose bytes were accepted and not kept.
        signed: whether a signature stands behind them.
        usable: whether the tree can be compared with them.
    """

    metadata: release.Metadata | release.OlderMetadata | None = None
    content: dict[str, bytes] = {}
    on_disk: dict[str, OnDisk] = {}
    signed: bool = False
    signatures: tuple[SignatureCheck, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether checksums and metadata are believed, so that a tree can be compared."""
        there = release.CHECKSUMS in self.content or release.CHECKSUMS in self.on_disk
        return self.metadata is not None and there


def judge(
    artifacts: Artifacts, keyring: Keyring | None, expected: expectation.Expected
) -> Evidence:
    """Run the steps above over the raw artifacts."""
    found = list(artifacts.problems)
    checks: list[SignatureCheck] = []
    accepted = artifacts.names()
    signed = None
    if artifacts.signatures():
        if keyring is None:
            return Evidence(findings=tuple(found))
        signed = _signed_statement(artifacts, keyring, expected, found, checks)
        accepted = () if signed is None else _signed_names(signed, artifacts, found)
    elif not accepted:
        return Evidence(findings=tuple(found))
    elif expected.allow_unsigned:
        found.append(
            findings.finding(Kind.UNSIGNED, "nothing proves who made this release", Status.VERIFIED)
        )
    else:
        accepted = ()
        found += [
            findings.finding(Kind.SIGNATURE_MISSING, "a release must be signed", path=name)
            for name in _NEEDED
        ]
    content = {name: data for name, data in artifacts.content().items() if name in accepted}
    metadata = _metadata(content, found)
    if metadata is not None:
        if signed is not None:
            expectation.check_same_release(metadata, signed.predicate, found)
        digests = {name: artifacts.digests[name] for name in accepted}
        expectation.check_binding(metadata, content, digests, found)
        expectation.check_expected(metadata, content, keyring, expected, found)
    if signed is not None:
        expectation.check_time(signed.predicate, expected, found)
    if metadata is not None and not expectation.hash_usable(metadata, found):
        metadata = None
    return Evidence(
        metadata=metadata,
        content=content,
        on_disk={name: one for name, one in artifacts.on_disk.items() if name in accepted},
        signed=signed is not None,
        signatures=tuple(checks),
        findings=tuple(found),
    )


def _signed_statement(
    artifacts: Artifacts,
    keyring: Keyring,
    expected: expectation.Expected,
    found: list[Finding],
    checks: list[SignatureCheck],
) -> statement.ReleaseStatement | None:
    """Steps 1 and 2: return the statement that the keyring vouches for."""
    files = artifacts.signatures()
    found += [
        findings.finding(Kind.SIGNATURE_MISSING, "a release must be signed", path=name)
        for name in _NEEDED
        if name not in files
    ]
    believed: dict[bytes, tuple[statement.ReleaseStatement | None, tuple[str, ...]]] = {}
    for name, data in files.items():
        if data not in believed:
            believed[data] = _believe(data, name, keyring, expected, found)
        said, keyids = believed[data]
        checks.append(SignatureCheck(name=name, ok=said is not None, keyids=keyids))
    if len(believed) > 1:
        found.append(
            findings.finding(
                Kind.ARTIFACTS_MIXED,
                "the signature files differ, and sealing writes them alike: artifacts of two "
                "releases are mixed, or one was changed",
                path=", ".join(files),
            )
        )
    return next((said for said, _ in believed.values() if said is not None), None)


def _believe(
    data: bytes, name: str, keyring: Keyring, expected: expectation.Expected, found: list[Finding]
) -> tuple[statement.ReleaseStatement | None, tuple[str, ...]]:
    try:
        envelope = dsse.parse(data, name=name)
        judged = expectation.judge_envelope(envelope, keyring, expected)
        found += [
            findings.finding(
                problem.kind, problem.sentence, problem.status, path=name, actual=problem.keyid
            )
            for problem in judged.problems
        ]
        if not judged.ok:
            return None, ()
        return statement.parse_release(envelope, name=name), judged.counted
    except UnverifiableError as error:  # a key that only a service could ask
        found.append(findings.unverifiable(Kind.KEYRING_UNUSABLE, error))
    except DuriError as error:
        found.append(findings.from_error(Kind.SIGNATURE_MALFORMED, name, error))
    return None, ()


def _signed_names(
    signed: statement.ReleaseStatement, artifacts: Artifacts, found: list[Finding]
) -> tuple[str, ...]:
    """Step 3: return the artifacts whose bytes are the signed ones."""
    there = artifacts.names()
    accepted = []
    named = {subject.name: subject.digest.sha256 for subject in signed.subject}
    for name in sorted({*named, *there}):
        if name not in there:
            if name not in release.REQUIRED:  # a required one was reported when reading
                found.append(
                    findings.finding(Kind.ARTIFACT_MISSING, "signed, and not there", path=name)
                )
        elif name not in named:
            found.append(
                findings.finding(Kind.ARTIFACT_UNEXPECTED, "no signature speaks of it", path=name)
            )
        elif artifacts.digests[name] != named[name]:
            found.append(
                findings.finding(
                    Kind.ARTIFACT_MISMATCH,
                    "it is not the file that was signed",
                    path=name,
                    expected=f"sha256:{named[name]}",
                    actual=f"sha256:{artifacts.digests[name]}",
                )
            )
        else:
            accepted.append(name)
    return tuple(accepted)


def _metadata(
    content: dict[str, bytes], found: list[Finding]
) -> release.Metadata | release.OlderMetadata | None:
    """Step 4: parse the metadata, once its bytes were accepted."""
    if release.METADATA not in content:
        return None
    try:
        return release.parse_metadata(content[release.METADATA])
    except UnverifiableError as error:
        found.append(findings.from_error(Kind.SCHEMA_UNKNOWN, release.METADATA, error))
    except DuriError as error:
        found.append(findings.from_error(Kind.ARTIFACT_MALFORMED, release.METADATA, error))
    return None
