"""Signing once more about a release that is already signed and trusted.

Guarantees: only a release whose evidence is authentic under the keyring is signed about. A
countersignature is over the very statement the release has, and its artifacts stay as they are; a
permission to go back names one release by the digest of its metadata, and expires.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping

import msgspec

from duri import atomic, times
from duri.errors import PublishError, UnverifiableError, UsageError
from duri.evidence import (
    authenticity,
    expectation,
    folder,
    provenance,
    publish,
    release,
    signing,
    statement,
)
from duri.evidence import envelope as dsse
from duri.evidence.keys.keyring import Keyring
from duri.tree.scan import open_root
from duri.verdict import Status


class Countersigned(msgspec.Struct, frozen=True, kw_only=True):
    """A release and the keys whose signatures were added; empty where none was missing."""

    deployment_id: str
    keyids: tuple[str, ...]


class _Authentic(msgspec.Struct, frozen=True, kw_only=True):
    root: str
    location: folder.Location
    raw: folder.Artifacts
    metadata: release.Metadata | release.OlderMetadata


def countersign(
    path: str,
    *,
    keyring: Keyring,
    signers: signing.Signers,
    now: int,
    artifacts: str | None = None,
) -> Countersigned:
    """Add the signatures that are missing to one release.

    Args:
        path: the root of the release, or its artifacts folder.
        keyring: what the release must be authentic under.
        signers: the keys that sign now.
        now: unix seconds.
        artifacts: the artifacts folder where it is not under the root.

    Raises:
        UnverifiableError: the release's evidence is not authentic, or cannot be judged.
    """
    with _authentic(path, keyring=keyring, now=now, artifacts=artifacts) as found:
        name, data = next(iter(found.raw.signatures().items()))
        before = dsse.parse(data, name=name)
        after = signing.add_signatures(before, signers.keys)
        added = after.signatures[len(before.signatures) :]
        if added:
            files = found.raw.content() | dict.fromkeys(found.raw.signatures(), dsse.write(after))
            publish.publish(found.location.path, files, root=found.root)
    return Countersigned(
        deployment_id=found.metadata.deployment_id, keyids=tuple(one.keyid for one in added)
    )


def describe_build(
    path: str,
    parameters: Mapping[str, object],
    *,
    keyring: Keyring | None,
    signers: signing.Signers,
    now: int,
    artifacts: str | None = None,
) -> bytes:
    """Put what the builder was asked for into a release's provenance, and sign the release anew.

    Neither the tree nor the metadata is touched, so describing a build blesses no change.

    Args:
        path: the root of the release.
        parameters: SLSA external parameters; nothing secret.
        keyring: what the release must be authentic under; None for an unsigned one.
        signers: the keys that sign now; none for an unsigned release.
        now: unix seconds.
        artifacts: the artifacts folder where it is not under the root.

    Returns:
        The bytes of the new `provenance.json`.

    Raises:
        UnverifiableError: the release's evidence is not authentic, or cannot be judged.
        PublishError: it could not be written.
    """
    with _authentic(path, keyring=keyring, now=now, artifacts=artifacts) as found:
        metadata = found.metadata
        if not isinstance(metadata, release.Metadata):
            raise UnverifiableError("the release is of an older schema; seal it again", where=path)
        files = {
            name: data for name, data in found.raw.content().items() if name != release.PROVENANCE
        }
        written = provenance.write(
            files,
            deployment_id=metadata.deployment_id,
            started_on=metadata.created_at,
            finished_on=metadata.created_at,
            parameters={"product": metadata.product, "version": metadata.version, **parameters},
        )
        files[release.PROVENANCE] = written
        files |= signing.sign_release(files, metadata, signers.keys, signed_at=now)
        publish.publish(found.location.path, files, root=found.root)
    return written


def authorize_rollback(
    path: str,
    out: str,
    *,
    keyring: Keyring,
    signers: signing.Signers,
    reason: str,
    who: str,
    now: int,
    seconds: int,
    artifacts: str | None = None,
) -> str:
    """Write a signed permission for one release to run below the floor; return its name.

    Args:
        path: the root of the release, or its artifacts folder.
        out: where the permission goes; must not exist yet.
        keyring: what the release must be authentic under.
        signers: the keys that sign now.
        reason: why one goes back.
        who: who decided it.
        now: unix seconds.
        seconds: how long the permission holds.
        artifacts: the artifacts folder where it is not under the root.

    Raises:
        UnverifiableError: the release's evidence is not authentic, or cannot be judged.
        PublishError: the permission could not be written.
    """
    with _authentic(path, keyring=keyring, now=now, artifacts=artifacts) as found:
        about = found.metadata
        payload = statement.rollback_payload(
            found.raw.files[release.METADATA],
            statement.Rollback(
                product=about.product,
                environment=about.environment,
                deployment_id=about.deployment_id,
                sequence=about.sequence,
                reason=reason,
                who=who,
                issued_at=times.write(now),
                expires_at=times.write(now + seconds),
            ),
        )
    if os.path.lexists(out):
        raise UsageError("there is a file already", where=out, expected="a new file")
    try:
        atomic.replace(out, dsse.write(signing.sign(payload, signers.keys)), mode=0o644)
    except OSError as error:
        raise PublishError("the permission cannot be written", where=out, got=str(error)) from error
    return about.deployment_id


@contextlib.contextmanager
def _authentic(
    path: str, *, keyring: Keyring | None, now: int, artifacts: str | None
) -> Iterator[_Authentic]:
    """Hold a release and give its evidence, once that was found authentic."""
    if artifacts is None and os.path.basename(os.path.abspath(path)) == folder.DEFAULT_NAME:
        path = os.path.dirname(os.path.abspath(path))  # its root holds the lock
    is_folder = artifacts is None and os.path.isfile(os.path.join(path, release.CHECKSUMS))
    location = folder.locate(path, path if is_folder else artifacts)
    root_fd = open_root(path)
    try:
        with publish.sealing(root_fd, root=path):
            raw = folder.read(location, root_fd=root_fd)
            evidence = authenticity.judge(
                raw,
                keyring,
                expectation.Expected(now=now, from_archive=True, allow_unsigned=keyring is None),
            )
            failing = [one for one in evidence.findings if one.status is not Status.VERIFIED]
            if failing or evidence.metadata is None:
                raise UnverifiableError(
                    "the release is not authentic, so nothing is signed about it",
                    where=path,
                    got=failing[0].detail if failing else "no signature",
                )
            yield _Authentic(root=path, location=location, raw=raw, metadata=evidence.metadata)
    finally:
        os.close(root_fd)
