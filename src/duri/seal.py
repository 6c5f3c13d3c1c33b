"""Sealing: from a tree to a signed release.

    1. Hold the root, so that no other seal of it runs; refuse an artifacts folder that is not one.
    2. Gather names, policy and keys; refuse what a verifier would refuse later.
    3. Walk and hash the tree; refuse what could not be told apart or verified later.
    4. Write the metadata and the provenance; sign one statement that names every artifact.
    5. Publish all of them at once.

Guarantees: a seal that fails leaves the earlier artifacts as they were. What is signed is what was
read: the tree is walked once.
"""

import os
import time
from collections.abc import Mapping

import msgspec

from duri import times
from duri.containment import passes_through
from duri.errors import KeyringError, SealRefusedError
from duri.evidence import anchor, declaration, folder, provenance, publish, release, signing
from duri.evidence.keys.keyring import Keyring
from duri.policy import Policy
from duri.settings import Settings
from duri.tree import scan
from duri.tree.entry_point import outside as loaded_outside

_SHOWN_REFUSALS = 10


class Seal(msgspec.Struct, frozen=True, kw_only=True):
    """What was sealed.

    Attributes:
        root: the sealed folder, as given.
        artifacts: the folder that holds the evidence.
        metadata: what the release says of itself.
        keyids: the keys that signed; empty for an unsigned release.
        scan_duration_ms: time to walk and hash.
        outside: what the entry point loads from outside the root, so is not sealed with it.
        warnings: sentences worth reading before the release goes out.
    """

    root: str
    artifacts: str
    metadata: release.Metadata
    keyids: tuple[str, ...]
    scan_duration_ms: int
    outside: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What step 2 settled."""

    root: str
    product: str
    environment: str
    version: str
    sequence: int
    algorithm: str
    mode: str
    policy: Policy
    signers: signing.Signers
    keyring_file: str | None
    threads: int
    moment: int
    parameters: Mapping[str, object]


def seal(
    root: str | os.PathLike[str],
    *,
    version: str,
    product: str | None = None,
    environment: str | None = None,
    sequence: int | None = None,
    algorithm: str | None = None,
    keyring: Keyring | str | os.PathLike[str] | None = None,
    artifacts: str | os.PathLike[str] | None = None,
    entry_point: str | None = None,
    settings: Settings | None = None,
    parameters: Mapping[str, object] | None = None,
    now: int | None = None,
    progress: scan.Progress | None = None,
) -> Seal:
    """Seal a root as a release.

    Args:
        root: the folder to seal.
        version: the release's version, for people.
        product: what is released; the settings' own, else the root's name, when None.
        environment: where it may run, the settings' own when None; "" means anywhere.
        sequence: grows with each release; the time in unix seconds when None.
        algorithm: `sha256`, `sha512` or `blake3`; the settings' own, else `sha256`, when None.
        keyring: keys, or the file that holds them; the settings' own when None.
        artifacts: where the artifacts go; `.duri` under the root when neither says.
        entry_point: the program that the release starts; what it loads from elsewhere is listed.
        settings: policy and the rest; defaults when None, never the environment.
        parameters: what the builder was asked for, for the provenance; nothing secret.
        now: unix seconds; the settings' SOURCE_DATE_EPOCH, else the clock's, when None.
        progress: counters to add to while the tree is read.

    Raises:
        UsageError: the root, a name, a pattern or the artifacts folder is not usable.
        KeyringError: no usable key, or one too long overdue.
        SealRefusedError: the tree holds what could not be verified later.
        UnverifiableError: the scan was cut short.
        PublishError: the artifacts could not be written.
    """
    path = os.fspath(root)
    settings = _merged(settings or Settings(), product, environment, algorithm, artifacts)
    clock = int(time.time()) if now is None else now
    root_fd = scan.open_root(path)
    try:
        outside = () if entry_point is None else loaded_outside(path, entry_point)
        with publish.sealing(root_fd, root=path):  # step 1
            location = folder.locate(path, settings.artifacts)
            publish.check_target(location.path, root=path)
            plan = _plan(  # step 2
                path, settings, version, sequence, keyring, root_fd, clock, parameters or {}
            )
            tree = scan.seal(  # step 3
                root_fd,
                policy=plan.policy,
                algorithm=plan.algorithm,
                exclude=location.inside,
                threads=plan.threads,
                progress=progress,
            )
            _check_tree(plan, tree)
            metadata = _metadata(plan, tree)
            files = _files(plan, tree, metadata)  # step 4
            publish.publish(location.path, files, root=path)  # step 5
    finally:
        os.close(root_fd)
    return Seal(
        root=path,
        artifacts=location.path,
        metadata=metadata,
        keyids=plan.signers.keyids,
        scan_duration_ms=tree.duration_ms,
        outside=outside,
        warnings=(*plan.signers.notes, *(_sentence(one) for one in tree.warnings)),
    )


def _merged(
    settings: Settings,
    product: str | None,
    environment: str | None,
    algorithm: str | None,
    artifacts: str | os.PathLike[str] | None,
) -> Settings:
    """Return the settings with what the caller named on top."""
    named = {
        "product": product,
        "environment": environment,
        "algorithm": algorithm,
        "artifacts": None if artifacts is None else os.fspath(artifacts),
    }
    return msgspec.structs.replace(
        settings, **{name: value for name, value in named.items() if value is not None}
    )


def _plan(
    root: str,
    settings: Settings,
    version: str,
    sequence: int | None,
    keyring: Keyring | str | os.PathLike[str] | None,
    root_fd: int,
    clock: int,
    parameters: Mapping[str, object],
) -> _Plan:
    """Step 2: settle everything that can be refused before the tree is read."""
    lenient = settings.mode == "lenient" and not settings.is_production
    environment = settings.environment or ""
    if environment:
        release.check_name("environment", environment)
    product = settings.product or os.path.basename(os.path.realpath(root)) or "root"
    moment = clock if settings.source_date_epoch is None else settings.source_date_epoch
    file = None if isinstance(keyring, Keyring) else anchor.file_named(keyring, settings=settings)
    if file is not None and passes_through(file, root):
        raise _keyring_inside(file)
    return _Plan(
        root=root,
        product=release.check_name("product", product),
        environment=environment,
        version=release.check_name("version", version),
        sequence=moment if sequence is None else sequence,
        algorithm=settings.algorithm or "sha256",
        mode="lenient" if lenient else "strict",
        policy=declaration.to_seal(settings, root_fd=root_fd),
        signers=_signers(keyring, settings, clock, lenient=lenient),
        keyring_file=file,
        threads=settings.threads,
        moment=moment,
        parameters=parameters,
    )


def _signers(
    keyring: Keyring | str | os.PathLike[str] | None,
    settings: Settings,
    now: int,
    *,
    lenient: bool,
) -> signing.Signers:
    loaded = anchor.load(keyring, settings=settings, now=now)
    if loaded is None:
        if lenient:
            return signing.Signers(notes=("the release is unsigned: nothing proves who made it",))
        raise KeyringError(
            "no keyring was named, and a strict release must be signed",
            expected="--keyring, DURI_KEYRING or DURI_HMAC_KEY_FILE",
            todo="Make one with `duri keys new --out keyring.json`, outside the root",
        )
    chosen = signing.choose(
        loaded.keyring,
        now=now,
        dual_verify=settings.dual_verify,
        period_days=settings.rotation_period_days,
    )
    return signing.Signers(keys=chosen.keys, notes=loaded.warnings + chosen.notes)


def _check_tree(plan: _Plan, tree: scan.Sealed) -> None:
    """Refuse a tree with something unsealable in it, or with the keyring itself in it."""
    if tree.refusals:
        shown = [_sentence(one) for one in tree.refusals[:_SHOWN_REFUSALS]]
        rest = len(tree.refusals) - len(shown)
        shown += [f"… and {rest} more"] if rest else []
        raise SealRefusedError(
            "the tree holds what could not be told apart or verified later",
            where=plan.root,
            got="\n  " + "\n  ".join(shown),
            todo="Remove these, or declare them: --ignore, --allow-link, --allow-case-twins",
        )
    # On a device of its own, as a subvolume's files are, it passes for mounted and may be sealed.
    file, root = os.path.realpath(plan.keyring_file or os.devnull), os.path.realpath(plan.root)
    if scan.seals_path(tree.checksums, plan.algorithm, os.fsencode(os.path.relpath(file, root))):
        raise _keyring_inside(file)


def _keyring_inside(file: str) -> SealRefusedError:
    return SealRefusedError(
        "the keyring lies inside the tree, or is reached by it, where no verification uses it; "
        "unless ignored, the release would carry the key that signs it",
        where=file,
        todo="Move it out of the root, and name it there with --keyring",
    )


def _metadata(plan: _Plan, tree: scan.Sealed) -> release.Metadata:
    return release.Metadata(
        attributes=msgspec.Raw(tree.attributes),
        checksums_digest=release.digest(tree.checksums),
        created_at=times.write(plan.moment),
        deployment_id=release.make_deployment_id(
            plan.product, plan.version, plan.sequence, tree.checksums
        ),
        environment=plan.environment,
        file_count=tree.file_count,
        hash_algorithm=plan.algorithm,
        hash_version=release.HASH_VERSION,
        ignore_hash=release.policy_digest(plan.policy),
        mode=plan.mode,
        policy=plan.policy,
        product=plan.product,
        schema_version=release.SCHEMA_VERSION,
        sequence=plan.sequence,
        total_bytes=tree.total_bytes,
        version=plan.version,
    )


def _files(plan: _Plan, tree: scan.Sealed, metadata: release.Metadata) -> dict[str, bytes]:
    """Step 4: every artifact by name, signatures last."""
    files = {
        release.CHECKSUMS: tree.checksums,
        release.METADATA: release.write_metadata(metadata),
    }
    files[release.PROVENANCE] = provenance.write(
        files,
        deployment_id=metadata.deployment_id,
        started_on=metadata.created_at,
        finished_on=metadata.created_at,
        parameters={"product": plan.product, "version": plan.version, **plan.parameters},
    )
    return files | signing.sign_release(files, metadata, plan.signers.keys, signed_at=plan.moment)


def _sentence(about: tuple[str, bytes, str]) -> str:
    kind, path, detail = about
    name = os.fsdecode(path)
    shown = name if name.isprintable() else ascii(name)
    return f"{shown}: {kind.replace('_', ' ')}" + (f" ({detail})" if detail else "")
