"""One receipt: its bytes have one meaning, and its signature serves nothing else."""

import base64
import json
import os
import subprocess
from pathlib import Path

import msgspec
import pytest
from tests.conftest import Component
from tests.unit.report import samples
from tests.unit.report.receipt_logs import NOW, new_key, scan

from duri.errors import MalformedError
from duri.evidence import canonical, envelope
from duri.limits import MAX_PAE_BYTES, MAX_RECEIPT_BYTES
from duri.report import document
from duri.report.receipt import key as keys
from duri.report.receipt.entry import entry_of
from duri.report.receipt.receipt import (
    FIRST,
    PAYLOAD_TYPE,
    Entry,
    Identity,
    Kind,
    Receipt,
    ScanKind,
    message,
    parse,
    sign,
    signature_bytes,
    write,
)
from duri.verdict import Status


@pytest.fixture
def signer(tmp_path: Path) -> keys.WatchKey:
    """Return a watcher's key."""
    return new_key(tmp_path / "receipts")


def signed(entry: Entry, signer: keys.WatchKey) -> Receipt:
    """Return the first receipt of a log."""
    return sign(entry, sequence=1, at=NOW, watcher="ab" * 8, previous=FIRST, signer=signer)


def test_what_is_written_is_read_back(signer: keys.WatchKey) -> None:
    receipt = signed(scan(Status.CORRUPTED), signer)
    assert parse(write(receipt)) == receipt
    assert keys.check(receipt, signer.keyring) is None
    assert b"\n" not in write(receipt)
    assert receipt.at == NOW


def test_line_is_sorted_compact_and_of_integers_and_texts(signer: keys.WatchKey) -> None:
    line = write(signed(scan(), signer))
    value = json.loads(line)
    assert json.dumps(value, sort_keys=True, separators=(",", ":")).encode() == line
    assert value["schema_version"] == "1.0"
    assert (value["files"]["total"], value["release_sequence"], value["interval"]) == (
        2262,
        17,
        300,
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"kind"', b'"keyid":"x","kind"'),
        (b'"kind":"scan"', b'"kind":"scan","unknown":1'),
        (b'"sequence":1', b'"sequence":1.0'),
        (b'"sequence":1', b'"sequence":0'),
        (b'"sequence":1', b'"sequence": 1'),
        (b'"sequence":1', b'"note":null,"sequence":1'),
        (b'"schema_version":"1.0"', b'"schema_version":"2.0"'),
        (b'"status":"verified"', b'"status":"fine"'),
        (b'"status":"verified",', b""),
        (b'"time":"2026-11-22T10:00:00Z"', b'"time":"2026-11-22T11:00:00+01:00"'),
        (b'"interval":300,', b""),
        (b'"product":"shop"', b'"product":"sh\xffop"'),
        (b'"product":"shop"', b'"product":"\\u0073hop"'),
        (b'"signature":"', b'"signature":"A'),
        (b"}", b"} "),
    ],
)
def test_other_bytes_are_refused(signer: keys.WatchKey, old: bytes, new: bytes) -> None:
    line = write(signed(scan(), signer))
    assert old in line
    with pytest.raises(MalformedError):
        parse(line.replace(old, new, 1))


def test_receipt_without_a_signature_is_refused(signer: keys.WatchKey) -> None:
    line = write(msgspec.structs.replace(signed(scan(), signer), signature=""))
    with pytest.raises(MalformedError, match="signature"):
        parse(line)


def test_too_long_a_line_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(MalformedError, match="too long"):
        parse(b"[" * (MAX_RECEIPT_BYTES + 1))


def test_longest_texts_fit_into_one_message_of_a_key_service(signer: keys.WatchKey) -> None:
    long = '"\\\x1b\udcff한' * 2000
    entry = entry_of(
        msgspec.structs.replace(
            samples.EVERY_STATUS[Status.CORRUPTED],
            root=long,
            product=long,
            environment=long,
            version=long,
            deployment_id=long,
            sequence=2**63 - 1,
            policy=msgspec.structs.replace(
                samples.EVERY_STATUS[Status.CORRUPTED].policy, stored_hash=long
            ),
        ),
        kind=Kind.SCAN,
        scan_kind=ScanKind.PARTIAL,
        interval=86_400,
        since=NOW,
        identity=Identity(device=2049, inode=2, boot="01234567-89ab-cdef-0123-456789abcdef"),
        events_lost=2**60,
        note=long,
    )
    receipt = signed(entry, signer)
    assert len(message(receipt)) <= MAX_PAE_BYTES
    assert parse(write(receipt)) == receipt
    assert receipt.note is not None
    assert receipt.note.endswith("…")
    assert receipt.note.isprintable()


def test_short_texts_stay_whole(signer: keys.WatchKey) -> None:
    receipt = signed(Entry(kind=Kind.STOP, note="SIGTERM – 종료"), signer)
    assert receipt.note == "SIGTERM – 종료"


def test_signature_is_over_a_payload_type_of_its_own(signer: keys.WatchKey) -> None:
    receipt = signed(scan(), signer)
    payload = canonical.compact(msgspec.structs.replace(receipt, signature=""))
    assert message(receipt) == envelope.pae(PAYLOAD_TYPE, payload)
    as_release = signer.sign(envelope.pae(envelope.PAYLOAD_TYPE, payload))
    forged = msgspec.structs.replace(receipt, signature=base64.b64encode(as_release).decode())
    assert parse(write(forged)) == forged
    assert "is not over this receipt" in str(keys.check(forged, signer.keyring))
    assert len(signature_bytes(receipt)) == 64


def test_digest_of_findings_is_that_of_the_list_in_the_report(
    component: Component, tmp_path: Path
) -> None:
    verdict = samples.EVERY_STATUS[Status.CORRUPTED]
    assert len(verdict.findings) == 2
    (tmp_path / "verdict.json").write_bytes(document.render(verdict))
    listed = subprocess.run(
        [component("jq"), "-cjS", ".findings", tmp_path / "verdict.json"],
        check=True,
        capture_output=True,
    ).stdout
    summed = subprocess.run(["sha256sum"], input=listed, check=True, capture_output=True).stdout
    entry = scan(Status.CORRUPTED)
    assert entry.findings_digest == f"sha256:{summed.decode().split()[0]}"
    assert entry.findings_count == 2


def test_no_name_of_a_file_stands_in_a_receipt(signer: keys.WatchKey) -> None:
    assert b"main.py" not in write(signed(scan(Status.CORRUPTED), signer))


def test_made_key_is_private_and_has_a_public_half(tmp_path: Path) -> None:
    place = tmp_path / "receipts"
    made = new_key(place)
    again = new_key(place)
    assert made.keyid == again.keyid
    assert (place / keys.PRIVATE).stat().st_mode & 0o777 == 0o600
    public = keys.load_public(os.fspath(place), now=NOW)
    assert not public.holds_secret
    assert [key.keyid for key in public.keys] == [made.keyid]


def test_public_half_keeps_the_keys_of_earlier_runs(tmp_path: Path) -> None:
    place = tmp_path / "receipts"
    other = new_key(tmp_path / "other")
    first = new_key(place)
    named = os.fspath(tmp_path / "other" / keys.PRIVATE)
    assert keys.open_or_make(os.fspath(place), named, now=NOW).keyid == other.keyid
    public = keys.load_public(os.fspath(place), now=NOW)
    assert {key.keyid for key in public.keys} == {first.keyid, other.keyid}


def test_keyring_that_cannot_sign_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "receipts"
    new_key(place)
    from duri.errors import KeyringError

    with pytest.raises(KeyringError, match="no active key that signs"):
        keys.open_or_make(os.fspath(place), os.fspath(place / keys.PUBLIC), now=NOW)
