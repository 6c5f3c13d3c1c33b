"""What the place of verification brings: its keyring, what it expects, what it has seen before.

Guarantees: whatever cannot be used becomes an `unverifiable` finding; nothing is guessed in its
stead. Reading changes nothing; `remember` alone writes.
"""

import os

import msgspec

from duri import times
from duri.containment import lies_in, passes_through
from duri.errors import DuriError, UnverifiableError
from duri.evidence import anchor, findings, release, witness
from duri.evidence.expectation import Expected
from duri.evidence.keys.keyring import Keyring
from duri.limits import MAX_SIGNATURE_BYTES
from duri.settings import Settings
from duri.verdict import Finding, Kind, Status


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """What evidence is judged with; a keyring of None judges no signature."""

    keyring: Keyring | None
    expected: Expected
    findings: tuple[Finding, ...] = ()


class _Judged(msgspec.Struct, frozen=True, kw_only=True):
    """The tree that is judged: by its path here, or by its identity where it has none."""

    root: str
    foreign: os.stat_result | None = None

    def holds(self, path: str) -> bool:
        if self.foreign is not None:
            return lies_in(path, self.foreign)
        return passes_through(path, self.root)


def gather(
    settings: Settings,
    *,
    root: str,
    foreign: os.stat_result | None = None,
    keyring: Keyring | str | os.PathLike[str] | None,
    signed: bool,
    now: int,
    from_archive: bool,
) -> Circumstances:
    """Return what the settings and the verifier's state bring.

    Args:
        settings: what was said here.
        root: what is judged: nothing in it may be what judges.
        foreign: which folder that is, where its path means another one here.
        keyring: keys, or the file that holds them; the settings' own when None.
        signed: whether the release has signature files, so that a keyring is needed.
        now: unix seconds.
        from_archive: whether the release was brought back from an archive.
    """
    found = _notes(settings)
    lenient = settings.mode == "lenient" and not settings.is_production
    judged = _Judged(root=root, foreign=foreign)
    keys = _keyring(settings, judged, keyring, found, needed=signed or not lenient, now=now)
    seen, permission = _memory(settings, judged, found)
    if witness.clock_behind(seen, now):
        found.append(
            Finding(
                kind=Kind.CLOCK_BEHIND,
                status=Status.UNVERIFIABLE,
                expected=f"{times.write(seen.last_seen)} or later",
                actual=times.write(now),
                detail="the clock stands before a time this verifier has already seen",
            )
        )
    expected = Expected(
        product=settings.product,
        environment=settings.environment,
        minimum_sequence=settings.minimum_sequence or 0,
        floors=seen.floors,
        authorization=permission,
        allow_unsigned=lenient,
        now=now,
        dual_verify=settings.dual_verify,
        from_archive=from_archive,
    )
    return Circumstances(keyring=keys, expected=expected, findings=tuple(found))


def remember(
    settings: Settings, metadata: release.Metadata | release.OlderMetadata, *, now: int
) -> tuple[Finding, ...]:
    """Raise the floor after a verified release; a floor that cannot be kept is no floor."""
    if settings.state is None:
        return ()
    try:
        witness.record(
            settings.state,
            product=metadata.product,
            environment=settings.environment or metadata.environment,
            sequence=metadata.sequence,
            now=now,
        )
    except UnverifiableError as error:
        return (findings.unverifiable(Kind.STATE_UNUSABLE, error),)
    return ()


def _notes(settings: Settings) -> list[Finding]:
    notes = []
    if settings.ignored_configuration is not None:
        notes.append(
            "a duri.toml inside the root was not believed; name it with --config to use it"
        )
    if settings.is_production and settings.mode == "lenient":
        notes.append("lenient mode is not obeyed in prod; strict was applied")
    return [findings.note(sentence) for sentence in notes]


def _keyring(
    settings: Settings,
    judged: _Judged,
    named: Keyring | str | os.PathLike[str] | None,
    found: list[Finding],
    *,
    needed: bool,
    now: int,
) -> Keyring | None:
    """Return the keyring; without one nothing signed can be judged."""
    try:
        if not isinstance(named, Keyring):
            _refuse_inside(judged, anchor.file_named(named, settings=settings), "the keyring")
        loaded = anchor.load(named, settings=settings, now=now)
    except DuriError as error:
        found.append(findings.unverifiable(Kind.KEYRING_UNUSABLE, error))
        return None
    if loaded is None:
        if needed:
            absent = UnverifiableError(
                "no keyring was named"
                if settings.ignored_configuration is None
                else "no keyring was named, but perhaps in a duri.toml inside the root, which is "
                "not believed",
                todo="Give --keyring, DURI_KEYRING, DURI_HMAC_KEY_FILE or --config",
            )
            found.append(findings.unverifiable(Kind.KEYRING_UNUSABLE, absent))
        return None
    found += [findings.note(warning, kind=Kind.KEYRING_WEAK) for warning in loaded.warnings]
    return loaded.keyring


def _memory(
    settings: Settings, judged: _Judged, found: list[Finding]
) -> tuple[witness.Witness, bytes | None]:
    try:
        _refuse_inside(judged, settings.state, "the verifier's state")
        seen = witness.Witness() if settings.state is None else witness.read(settings.state)
        path = settings.authorization
        return seen, None if path is None else _permission(path)
    except UnverifiableError as error:
        found.append(findings.unverifiable(Kind.STATE_UNUSABLE, error))
        return witness.Witness(), None


def _refuse_inside(judged: _Judged, path: str | None, what: str) -> None:
    """Refuse a file of the tree that is judged, and one that a link in the tree leads to."""
    if path is not None and judged.holds(path):
        raise UnverifiableError(
            f"{what} lies inside the tree that it judges, or is reached through it",
            where=path,
            todo="Move it out of the root",
        )


def _permission(path: str) -> bytes:
    try:
        # A FIFO is opened without waiting for a writer, and is empty, so it permits nothing.
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            return os.read(file, MAX_SIGNATURE_BYTES + 1)
        finally:
            os.close(file)
    except OSError as error:
        raise UnverifiableError(
            "the permission to go back cannot be read", where=path, got=str(error)
        ) from error
