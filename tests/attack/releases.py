"""Releases to attack: made, signed and forged in this process, with keys made for the test.

Guarantees: what `make` returns is verified as it stands, so a case that ends in a refusal is
refused for what the case did. `resign` signs whatever it is told with whatever key it is given: an
attacker who holds a key does the same.

Time stands still at NOW, so that a case about windows and clocks says what it means.
"""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

import duri
from duri import times
from duri.evidence import canonical, provenance, release, signing, statement
from duri.evidence import envelope as dsse
from duri.evidence.keys import generate, keyring, lifecycle, local, store
from duri.evidence.keys.key import Key
from duri.evidence.keys.keyring import Keyring
from duri.evidence.keys.material import Algorithm
from duri.settings import Settings
from duri.verdict import Finding, Kind, Status, Verdict

NOW = 1_700_000_000
"""2023-11-14T22:13:20Z, when releases are made: a clock that is right stands after it."""
LATER = NOW + 3600

CODE: Mapping[str, bytes] = {
    "main.py": b"print('hello')\n",
    "pkg/core.py": b"VALUE = 1\n",
    "pkg/more.py": b"VALUE = 2\n",
    "README": b"read me\n",
}


class Release(NamedTuple):
    """A root with its artifacts, and the keyring that its verifier has."""

    root: Path
    ring: Keyring

    @property
    def folder(self) -> Path:
        """The artifacts."""
        return self.root / ".duri"

    def read(self) -> dict[str, bytes]:
        """Return every artifact by name."""
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}

    def verify(
        self, ring: Keyring | None = None, *, now: int = LATER, **settings: object
    ) -> Verdict:
        """Verify here, with nothing of the environment."""
        told = Settings(**settings)  # type: ignore[arg-type] # each test names real settings
        return duri.verify(self.root, keyring=ring or self.ring, settings=told, now=now)

    def envelope(self) -> dsse.Envelope:
        """Return the parsed signature file."""
        return dsse.parse(self.read()[release.CHECKSUMS_SIGNATURE], name="")

    def put_signatures(self, data: bytes) -> None:
        """Write these bytes as each of the signature files."""
        for name in release.SIGNATURES:
            (self.folder / name).write_bytes(data)

    def put_envelope(self, envelope: dsse.Envelope) -> None:
        """Write an envelope as each of the signature files."""
        self.put_signatures(dsse.write(envelope))


def new_key(algorithm: Algorithm = Algorithm.ED25519, **fields: object) -> Key:
    """Return a new active key, a day old; `fields` change it."""
    made = generate.new_key(algorithm, now=NOW - times.DAY)
    ring = generate.new_keyring(made, now=NOW - times.DAY)
    return msgspec.structs.replace(ring.keys[0], **fields)


def ring_of(*keys: Key, threshold: int = 1) -> Keyring:
    """Return a keyring of these keys."""
    return keyring.assemble(keys, threshold=threshold)


def make(
    root: Path,
    ring: Keyring | None = None,
    *,
    version: str = "1.0.0",
    product: str = "shop",
    environment: str = "",
    sequence: int = 100,
    algorithm: str | None = None,
    files: Mapping[str, bytes] = CODE,
    **settings: object,
) -> Release:
    """Seal a small tree and see that it is verified as it stands."""
    ring = ring or ring_of(new_key())
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o644)
    duri.seal(
        root,
        version=version,
        product=product,
        environment=environment,
        sequence=sequence,
        algorithm=algorithm,
        keyring=ring,
        settings=Settings(**settings),  # type: ignore[arg-type] # each test names real settings
        now=NOW,
    )
    made = Release(root, ring)
    assert made.verify().status is Status.VERIFIED, made.verify()
    return made


def resign(
    made: Release,
    *,
    key: Key | None = None,
    metadata: Mapping[str, object] | Callable[[dict[str, Any]], object] | None = None,
    checksums: bytes | None = None,
    predicate: Mapping[str, object] | None = None,
    drop: Iterable[str] = (),
) -> None:
    """Write evidence that holds together, and sign it well.

    Args:
        made: the release, whose artifacts are replaced.
        key: who signs; the release's own first key when None.
        metadata: fields to set, or a function that changes the document.
        checksums: other bytes for `checksums.json`.
        predicate: fields of the signed predicate that shall not follow the metadata.
        drop: metadata fields to leave out.
    """
    files = made.read()
    checksums = files[release.CHECKSUMS] if checksums is None else checksums
    document: dict[str, Any] = json.loads(files[release.METADATA])
    document["checksums_digest"] = release.digest(checksums)
    if callable(metadata):
        metadata(document)
    else:
        document.update(metadata or {})
    policy = document.get("policy")
    if isinstance(policy, dict) and "ignore_hash" not in (
        metadata if isinstance(metadata, Mapping) else {}
    ):
        document["ignore_hash"] = release.digest(canonical.encode(policy))
    for name in drop:
        del document[name]
    content = {release.CHECKSUMS: checksums, release.METADATA: canonical.encode(document)}
    content[release.PROVENANCE] = provenance.write(
        content,
        deployment_id=str(document["deployment_id"]),
        started_on=times.write(NOW),
        finished_on=times.write(NOW),
        parameters={},
    )
    said = {
        "product": document.get("product", ""),
        "environment": document.get("environment", ""),
        "deployment_id": document["deployment_id"],
        "sequence": document.get("sequence", 0),
        "policy_digest": document.get("ignore_hash", "sha256:0"),
        "signed_at": times.write(NOW),
        **(predicate or {}),
    }
    payload = statement.release_payload(content, msgspec.convert(said, statement.Release))
    for name, data in content.items():
        (made.folder / name).write_bytes(data)
    made.put_envelope(signed(payload, key or made.ring.keys[0]))


def signed(payload: bytes, *keys: Key) -> dsse.Envelope:
    """Return an envelope with a good signature by each key, whatever the key's state is."""
    return signing.sign(payload, [local.signer_for(key) for key in keys])


def rollback_permission(made: Release, key: Key, *, expires_at: int, **fields: object) -> bytes:
    """Return the bytes of a signed permission to go back to a release."""
    raw = made.read()[release.METADATA]
    metadata = json.loads(raw)
    said = {name: metadata[name] for name in ("product", "environment", "deployment_id")}
    said |= {"sequence": metadata["sequence"], "reason": "1.1 loses orders", "who": "on-call"}
    said |= {"issued_at": times.write(NOW), "expires_at": times.write(expires_at), **fields}
    payload = statement.rollback_payload(raw, msgspec.convert(said, statement.Rollback))
    return dsse.write(signed(payload, key))


def keyring_file(path: Path, ring: Keyring) -> Path:
    """Write a keyring to a file of its own."""
    store.write_file(os.fspath(path), ring, replace=False)
    return path


def retiring(key: Key, *, until: int) -> Key:
    """Return the key in its retiring window."""
    return msgspec.structs.replace(key, state=keyring.State.RETIRING, verify_until=until)


def revoked(key: Key) -> Key:
    """Return the key revoked, a second after it was made."""
    ring = lifecycle.revoke(ring_of(key), key.keyid, now=key.created_at + 1, reason="stolen")
    return ring.keys[0]


def is_refused(verdict: Verdict, status: Status, kind: Kind, path: str | None = None) -> Finding:
    """Assert that the verdict has this status because of a finding of this kind; return it."""
    assert verdict.status is status, verdict
    found = [
        one
        for one in verdict.findings
        if one.kind is kind
        and one.status is status
        and (path is None or one.path == os.fsencode(path))
    ]
    assert found, verdict.findings
    return found[0]


def is_verified(verdict: Verdict) -> None:
    """Assert the accepted twin."""
    assert verdict.status is Status.VERIFIED, verdict.findings
