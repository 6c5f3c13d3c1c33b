"""Signing once more about a release that is already signed and trusted.

Guarantees: only a release whose evidence is authentic under the keyring is signed about. A
countersignature is over the very statement the release has, and its artifacts stay as they are; a
permission to go back names one release by the digest of its metadata, and expires.
"""

import contextlib
import os
from collections.abc import Iterator

import msgspec

from duri import times
from duri.errors import PublishError, UnverifiableError
from duri.evidence import (
    authenticity,
    expectation,
    folder,
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
            publish.publish(found.location.path, files, root=path)
    return Countersigned(
        deployment_id=found.metadata.deployment_id, keyids=tuple(one.keyid for one in added)
    )


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
    try:
        with open(out, "xb") as file:
            file.write(dsse.write(signing.sign(payload, signers.keys)))
    except OSError as error:
        raise PublishError("the permission cannot be written", where=out, got=str(error)) from error
    return about.deployment_id


@contextlib.contextmanager
def _authentic(
    path: str, *, keyring: Keyring, now: int, artifacts: str | None
) -> Iterator[_Authentic]:
    """Hold a release and give its evidence, once that was found authentic."""
    is_folder = artifacts is None and os.path.isfile(os.path.join(path, release.CHECKSUMS))
    location = folder.locate(path, path if is_folder else artifacts)
    root_fd = open_root(path)
    try:
        with publish.sealing(root_fd, root=path):
            raw = folder.read(location, root_fd=root_fd)
            evidence = authenticity.judge(
                raw, keyring, expectation.Expected(now=now, from_archive=True)
            )
            failing = [one for one in evidence.findings if one.status is not Status.VERIFIED]
            if failing or evidence.metadata is None:
                raise UnverifiableError(
                    "the release is not authentic, so nothing is signed about it",
                    where=path,
                    got=failing[0].detail if failing else "no signature",
                )
            yield _Authentic(location=location, raw=raw, metadata=evidence.metadata)
    finally:
        os.close(root_fd)
