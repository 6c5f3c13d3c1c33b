"""Receipts that somebody changed, removed, put in or forged, each beside the log as it was."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.unit.report.receipt_logs import (
    INTERVAL,
    NOW,
    audited,
    chained,
    kinds,
    new_key,
    open_log,
    prove,
    receipts,
    scan,
    text,
    write_log,
)

from duri.evidence import envelope
from duri.evidence.keys import generate, store
from duri.evidence.keys.keyring import State, assemble
from duri.report.receipt import folder, key
from duri.report.receipt.chain import Anchor, Trouble
from duri.report.receipt.receipt import Entry, Kind, Receipt, digest, parse, write
from duri.verdict import Status

ACTIVE = folder.ACTIVE


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return a log of seven receipts: a start, five scans, a stop."""
    path = tmp_path / "receipts"
    write_log(path)
    return path


def lines(path: Path) -> list[bytes]:
    """Return the lines of the file that grows."""
    return (path / ACTIVE).read_bytes().splitlines()


def entry_in(receipt: Receipt) -> Entry:
    """Return what a receipt says, without its place in a chain."""
    return msgspec.convert(
        {name: getattr(receipt, name) for name in Entry.__struct_fields__}, Entry, strict=False
    )


def put(path: Path, changed: list[bytes]) -> None:
    """Write the lines of the file that grows."""
    (path / ACTIVE).write_bytes(b"".join(line + b"\n" for line in changed))


def test_log_as_it_was_written_holds(log: Path) -> None:
    proof = prove(log)
    assert (proof.status, proof.receipts, proof.first, proof.last) == (Status.VERIFIED, 7, 1, 7)
    assert not proof.problems
    assert proof.head == digest(lines(log)[-1])
    found = audited(log, end=NOW + 5 * INTERVAL).coverage
    assert found is not None
    assert found.percent == "100"


def test_log_in_rotated_files_holds(tmp_path: Path) -> None:
    write_log(tmp_path / "receipts", scans=20, limit_bytes=4000)
    assert len(folder.rotated(os.fspath(tmp_path / "receipts"))) > 3
    proof = prove(tmp_path / "receipts")
    assert (proof.status, proof.receipts) == (Status.VERIFIED, 22)


CHANGES: dict[str, tuple[Callable[[list[bytes]], list[bytes]], set[Trouble]]] = {
    "a line in the middle removed": (
        lambda old: old[:3] + old[4:],
        {Trouble.MISSING, Trouble.PREVIOUS},
    ),
    "the first line removed": (lambda old: old[1:], {Trouble.MISSING, Trouble.PREVIOUS}),
    "two lines swapped": (
        lambda old: [old[0], old[2], old[1], *old[3:]],
        {Trouble.MISSING, Trouble.PREVIOUS, Trouble.REPEATED},
    ),
    "a line twice": (lambda old: [*old[:3], old[2], *old[3:]], {Trouble.REPEATED}),
    "a status edited": (
        lambda old: [
            *old[:3],
            old[3].replace(b'"status":"verified"', b'"status":"corrupted"'),
            *old[4:],
        ],
        {Trouble.SIGNATURE, Trouble.PREVIOUS},
    ),
    "the last line edited": (
        lambda old: [*old[:-1], old[-1].replace(b'"kind":"stop"', b'"kind":"action"')],
        {Trouble.SIGNATURE},
    ),
    "invalid UTF-8": (
        lambda old: [*old[:3], old[3].replace(b"shop", b"sh\xffp", 1), *old[4:]],
        {Trouble.MALFORMED, Trouble.PREVIOUS, Trouble.MISSING},
    ),
    "a repeated key": (
        lambda old: [*old[:3], old[3].replace(b"{", b'{"bytes_hashed":0,', 1), *old[4:]],
        {Trouble.MALFORMED, Trouble.PREVIOUS, Trouble.MISSING},
    ),
    "an empty line": (
        lambda old: [*old[:3], b"", *old[3:]],
        {Trouble.MALFORMED, Trouble.PREVIOUS},
    ),
    "a line of spaces that no receipt is as long as": (
        lambda old: [*old[:3], b" " * 9000, *old[3:]],
        {Trouble.MALFORMED},
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changed_log_does_not_hold(log: Path, name: str) -> None:
    change, expected = CHANGES[name]
    before = lines(log)
    put(log, change(list(before)))
    proof = prove(log)
    assert proof.status is Status.TAMPERED
    assert kinds(proof) == expected
    assert audited(log, end=NOW + 5 * INTERVAL).coverage is None
    put(log, before)
    assert prove(log).status is Status.VERIFIED


def test_removed_end_shows_only_beside_what_another_system_remembers(log: Path) -> None:
    whole = prove(log)
    put(log, lines(log)[:-2])
    assert prove(log).status is Status.VERIFIED
    for expected in (Anchor(sequence=7), Anchor(sequence=7, digest=whole.head)):
        proof = prove(log, expected=expected)
        assert (proof.status, kinds(proof)) == (Status.TAMPERED, {Trouble.END})
    assert prove(log, expected=Anchor(sequence=5)).status is Status.VERIFIED


def test_log_written_anew_is_not_the_one_that_is_remembered(log: Path) -> None:
    remembered = prove(log)
    private = (log / key.PRIVATE).read_bytes()
    shutil.rmtree(log)
    log.mkdir()
    (log / key.PRIVATE).write_bytes(private)
    (log / key.PRIVATE).chmod(0o600)
    write_log(log, now=NOW + 1)
    assert prove(log).status is Status.VERIFIED
    proof = prove(log, expected=Anchor(sequence=7, digest=remembered.head))
    assert (proof.status, kinds(proof)) == (Status.TAMPERED, {Trouble.END})


def test_beginning_that_was_removed_on_purpose_is_named(tmp_path: Path) -> None:
    path = tmp_path / "receipts"
    write_log(path, scans=20, limit_bytes=4000)
    first = path / folder.rotated(os.fspath(path))[0]
    last = first.read_bytes().splitlines()[-1]
    first.unlink()
    assert kinds(prove(path)) == {Trouble.MISSING, Trouble.PREVIOUS}
    sequence = parse(last).sequence
    after = Anchor(sequence=sequence, digest=digest(last))
    assert prove(path, after=after).status is Status.VERIFIED
    wrong = Anchor(sequence=sequence, digest=digest(b"another"))
    assert kinds(prove(path, after=wrong)) == {Trouble.PREVIOUS}


def test_missing_rotated_file_does_not_hold(tmp_path: Path) -> None:
    path = tmp_path / "receipts"
    write_log(path, scans=20, limit_bytes=4000)
    (path / folder.rotated(os.fspath(path))[2]).unlink()
    proof = prove(path)
    assert (proof.status, kinds(proof)) == (Status.TAMPERED, {Trouble.MISSING, Trouble.PREVIOUS})


def test_log_without_its_file_is_unverifiable(log: Path) -> None:
    (log / ACTIVE).unlink()
    found = audited(log, end=NOW + 10)
    assert (found.proof.status, found.coverage) == (Status.UNVERIFIABLE, None)
    assert kinds(found.proof) == {Trouble.UNREADABLE}


def test_empty_log_is_unverifiable(log: Path) -> None:
    put(log, [])
    assert kinds(prove(log)) == {Trouble.EMPTY}
    assert prove(log).status is Status.UNVERIFIABLE


def test_log_signed_again_by_another_key_does_not_hold(log: Path, tmp_path: Path) -> None:
    other = new_key(tmp_path / "other")
    entries = [(one.at, entry_in(one)) for one in receipts(log)]
    (log / ACTIVE).write_bytes(chained(entries, other))
    proof = prove(log)
    assert (proof.status, kinds(proof)) == (Status.TAMPERED, {Trouble.KEY})
    assert proof.receipts == 0
    # The twin: signed again by the key itself it is a log like any other.
    (log / ACTIVE).write_bytes(chained(entries, new_key(log)))
    assert prove(log).status is Status.VERIFIED


def test_receipt_under_a_known_keyid_signed_by_another_key_does_not_hold(
    log: Path, tmp_path: Path
) -> None:
    other = new_key(tmp_path / "other")

    class Liar:
        """Signs with one key and names another."""

        keyid = new_key(log).keyid
        algorithm = other.algorithm
        sign = staticmethod(other.sign)

    entries = [(one.at, entry_in(one)) for one in receipts(log)]
    (log / ACTIVE).write_bytes(chained(entries, Liar()))
    assert kinds(prove(log)) == {Trouble.SIGNATURE}


def test_receipts_of_another_watcher_with_the_same_key_do_not_fit_in(
    log: Path, tmp_path: Path
) -> None:
    twin = tmp_path / "twin"
    twin.mkdir()
    shutil.copy2(log / key.PRIVATE, twin / key.PRIVATE)
    write_log(twin, now=NOW + 7)
    assert prove(twin).status is Status.VERIFIED
    mine, theirs = lines(log), lines(twin)
    put(log, [*mine[:3], *theirs[3:]])
    assert kinds(prove(log)) == {Trouble.PREVIOUS}
    put(log, [*mine, *theirs])
    assert {Trouble.REPEATED} <= {Trouble(kind) for kind in kinds(prove(log))}


def test_sequence_used_twice_does_not_hold(log: Path) -> None:
    signer = new_key(log)
    last = receipts(log)[-1]
    again = chained([(last.at, scan())] * last.sequence, signer).splitlines()[-1]
    assert parse(again).sequence == last.sequence
    put(log, [*lines(log), again])
    assert Trouble.REPEATED in kinds(prove(log))


def test_signature_of_a_release_is_none_of_a_receipt(log: Path) -> None:
    import base64

    signer = new_key(log)
    old = lines(log)
    last = parse(old[-1])
    unsigned = write(msgspec.structs.replace(last, signature=""))
    as_release = signer.sign(envelope.pae(envelope.PAYLOAD_TYPE, unsigned))
    signature = base64.b64encode(as_release).decode()
    put(log, [*old[:-1], write(msgspec.structs.replace(last, signature=signature))])
    assert kinds(prove(log)) == {Trouble.SIGNATURE}


@pytest.mark.parametrize("state", [State.ARCHIVED, State.PENDING, State.REVOKED])
def test_receipts_outlive_their_key_but_not_its_revocation(log: Path, state: State) -> None:
    (mine,) = new_key(log).keyring.keys
    revoked = state is State.REVOKED
    changed = msgspec.structs.replace(
        mine,
        state=state,
        activated_at=None if state is State.PENDING else NOW,
        revoked_at=NOW if revoked else None,
        reason="stolen" if revoked else None,
    )
    part = generate.public_part(assemble([changed])).keyring
    store.write_file(os.fspath(log / key.PUBLIC), part, replace=True)
    proof = prove(log)
    counts = state is State.ARCHIVED
    assert (proof.status is Status.VERIFIED) == counts
    assert kinds(proof) == (set() if counts else {Trouble.SIGNATURE})


def test_clock_that_went_back_is_said_and_is_no_tampering(tmp_path: Path) -> None:
    path = tmp_path / "receipts"
    log = open_log(path)
    for at in (NOW, NOW + 600, NOW + 60, NOW + 660):
        assert log.append(scan(), now=at)
    log.close(NOW + 660)
    proof = prove(path)
    assert (proof.status, proof.counts) == (Status.VERIFIED, {Trouble.CLOCK: 1})


def test_torn_last_line_is_said_and_is_no_tampering(log: Path) -> None:
    whole = (log / ACTIVE).read_bytes()
    (log / ACTIVE).write_bytes(whole[:-30])
    proof = prove(log)
    assert (proof.status, proof.counts, proof.last) == (Status.VERIFIED, {Trouble.TORN: 1}, 6)


def test_torn_line_within_the_log_is_tampering(tmp_path: Path) -> None:
    path = tmp_path / "receipts"
    write_log(path, scans=20, limit_bytes=4000)
    first = path / folder.rotated(os.fspath(path))[0]
    first.write_bytes(first.read_bytes()[:-30])
    assert Trouble.MALFORMED in kinds(prove(path))


def _link(path: Path) -> None:
    path.rename(path.with_suffix(".real"))
    path.symlink_to(path.with_suffix(".real"))


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("replace", [_link, _fifo, _folder])
@pytest.mark.parametrize("which", ["the one that grows", "a rotated one"])
def test_something_else_in_place_of_a_file_does_not_hold(
    tmp_path: Path, replace: Callable[[Path], None], which: str
) -> None:
    path = tmp_path / "receipts"
    write_log(path, scans=20, limit_bytes=4000)
    name = ACTIVE if which == "the one that grows" else folder.rotated(os.fspath(path))[1]
    replace(path / name)
    proof = prove(path)
    assert proof.status is Status.TAMPERED
    assert Trouble.MISPLACED in kinds(proof)


@pytest.mark.parametrize("replace", [_link, _fifo, _folder])
def test_watcher_sets_aside_what_stands_in_place_of_its_file_and_goes_on(
    log: Path, replace: Callable[[Path], None]
) -> None:
    replace(log / ACTIVE)
    again = open_log(log, now=NOW + 9000)
    written = again.append(scan(), now=NOW + 9000)
    again.close(NOW + 9000)
    assert written is not None
    assert (log / ACTIVE).is_file()
    assert not (log / ACTIVE).is_symlink()
    assert receipts_in(log / ACTIVE)[0].kind is Kind.REPAIR
    assert "stood in place" in str(receipts_in(log / ACTIVE)[0].note)
    assert prove(log).status is Status.TAMPERED


def receipts_in(path: Path) -> list[Receipt]:
    """Return the receipts of one file."""
    return [parse(line) for line in path.read_bytes().splitlines()]


def test_line_of_a_gibibyte_takes_no_memory(log: Path) -> None:
    import resource

    with open(log / ACTIVE, "r+b") as file:
        file.seek(0, os.SEEK_END)
        file.truncate(file.tell() + (1 << 30))  # a hole: zeros without a newline
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    proof = prove(log)
    again = open_log(log, now=NOW + 9000)
    assert again.append(scan(), now=NOW + 9000)
    again.close(NOW + 9000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024
    assert (proof.status, kinds(proof)) == (Status.TAMPERED, {Trouble.MALFORMED})
    assert (log / ACTIVE).stat().st_size < 10_000
    # What was there was given another name, whole.
    sizes = [(log / name).stat().st_size for name in folder.rotated(os.fspath(log))]
    assert max(sizes) > 1 << 30


def test_garbage_behind_the_last_receipt_stays_and_is_said(log: Path) -> None:
    with open(log / ACTIVE, "ab") as file:
        file.write(b"who was here\n")
    before = text(log)
    again = open_log(log, now=NOW + 9000)
    assert again.append(scan(), now=NOW + 9000)
    again.close(NOW + 9000)
    assert text(log).startswith(before)
    proof = prove(log)
    assert proof.status is Status.TAMPERED
    assert {Trouble.MALFORMED, Trouble.REPAIR} == {Trouble(kind) for kind in kinds(proof)}
    assert proof.last == 9


def test_edited_last_receipt_stays_and_is_said(log: Path) -> None:
    old = lines(log)
    put(log, [*old[:-1], old[-1].replace(b'"kind":"stop"', b'"kind":"action"')])
    again = open_log(log, now=NOW + 9000)
    again.close(NOW + 9000)
    repair = receipts(log)[-1]
    assert repair.kind is Kind.REPAIR
    assert "signature of receipt 7 does not fit" in str(repair.note)
    assert prove(log).status is Status.TAMPERED
