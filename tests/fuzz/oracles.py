"""What each parser promises, as a function of bytes that fails when the promise is broken.

Guarantees: for each name in TARGETS, only the exception that the parser documents escapes it, and
what it accepts is written back as the same bytes (or, for keyrings, as the same value). The core's
codecs are compared with an independent reading by the standard library's json: accepted by both or
by neither.

`SEEDS` gives each target a valid document to start from: the vectors' artifacts.
"""

import base64
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator

from duri.errors import KeyringError, MalformedError, UnverifiableError
from duri.evidence import canonical, declaration, envelope, provenance, release, statement, witness
from duri.evidence.envelope import Envelope
from duri.evidence.keys import keyring
from duri.report.receipt import receipt
from duri.tree import _core
from duri.tree.digest import sha256
from duri.verdict import Status

VECTORS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "vectors")
_ARTIFACTS = os.path.join(VECTORS, "schema-2.0", "ecdsa-p256-sha256", "tree", ".duri")
_KEYRINGS = [
    os.path.join(VECTORS, "schema-2.0", kind, "keyring.json")
    for kind in ("ecdsa-p256-sha256", "hmac-sha256")
]
_HEX = re.compile(r"[0-9a-f]{64}\Z")
_MAX_PATH = 4095
_MAX_CAPABILITY = 64
_MAX_PAE = 3000

Check = Callable[[bytes], None]


def _file(*parts: str) -> bytes:
    with open(os.path.join(*parts), "rb") as file:
        return file.read()


def check_envelope(data: bytes) -> None:
    """Check the parser of `.sig` files."""
    try:
        parsed = envelope.parse(data, name="x.sig")
    except MalformedError:
        return
    assert envelope.write(parsed) == data


def check_metadata(data: bytes) -> None:
    """Check the parser of `deployment_metadata.json`."""
    try:
        parsed = release.parse_metadata(data)
    except (MalformedError, UnverifiableError):
        return
    if isinstance(parsed, release.Metadata):
        assert release.write_metadata(parsed) == data
        # The attributes stay raw here; the core is who judges them.
        if not read_attributes(bytes(parsed.attributes)):
            return
    assert _dump(json.loads(data)) == data


def check_statement(data: bytes) -> None:
    """Check both parsers of signed payloads; no payload is good for both purposes."""
    accepted = []
    for parse in (statement.parse_release, statement.parse_rollback):
        try:
            accepted.append(parse(Envelope(payload=data), name="x"))
        except MalformedError:
            continue
    assert len(accepted) <= 1
    for parsed in accepted:
        assert canonical.compact(parsed) == data


def check_provenance(data: bytes) -> None:
    """Check the parser of `provenance.json`, beside the artifacts of the vector."""
    try:
        provenance.check(data, _DIGESTS)
    except MalformedError:
        return
    value = json.loads(data)
    again = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert again.encode() == data
    assert not any(isinstance(leaf, float) for leaf in _leaves(value))


def check_keyring(data: bytes) -> None:
    """Check the parser of keyrings; material never stands in an error."""
    refused: KeyringError | None = None
    try:
        parsed = keyring.parse(data, where="x", prod=False).keyring
    except KeyringError as error:
        refused = error
    else:
        written = keyring.write(parsed)
        again = keyring.parse(written, where="x", prod=False).keyring
        assert again == parsed
        assert keyring.write(again) == written
    if refused is not None:
        assert refused.__cause__ is None
        assert str(refused).isprintable()


def check_ignore(data: bytes) -> None:
    """Check the parser of `duriignore.json`, and the patterns' compiler behind it."""
    with tempfile.TemporaryDirectory(dir=_MEMORY) as folder:
        with open(os.path.join(folder, declaration.IGNORE_FILE), "wb") as file:
            file.write(data)
        root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            patterns = declaration.read_ignore_file(root)
        except MalformedError:
            return
        finally:
            os.close(root)
    assert patterns is not None
    assert json.loads(data)["patterns"] == list(patterns)
    try:
        _core.Rules(ignore=patterns, mutable=patterns)
    except _core.FormatError:
        return


def check_witness(data: bytes) -> None:
    """Check the reader of a verifier's state."""
    with tempfile.TemporaryDirectory(dir=_MEMORY) as folder:
        path = os.path.join(folder, "witness.json")
        with open(path, "wb") as file:
            file.write(data)
        try:
            parsed = witness.read(path)
        except UnverifiableError:
            return
    assert canonical.encode(parsed) == data


def check_receipt(data: bytes) -> None:
    """Check the parser of a receipt's line."""
    try:
        parsed = receipt.parse(data)
    except MalformedError:
        return
    assert receipt.write(parsed) == data
    value = json.loads(data)
    again = json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    assert again.encode() == data
    assert all(type(leaf) in {int, str} for leaf in _leaves(value))
    assert parsed.at >= 0
    assert receipt.signature_bytes(parsed)
    # What is signed is these bytes but for the signature.
    value.pop("signature")
    rest = json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    if len(rest) < _MAX_PAE:
        assert receipt.message(parsed).endswith(rest.encode())


def check_checksums(data: bytes) -> None:
    """Check the core's reader of `checksums.json` against the standard library's."""
    for form in (data, _dump(_load(data))):
        if form is not None:
            _check_checksums(form)


def _check_checksums(data: bytes) -> None:
    expected = read_checksums(data)
    try:
        parsed = _core.Checksums.parse(data, "sha256")
    except _core.FormatError:
        assert expected is None, "the core refuses what is canonical"
        return
    assert expected is not None, "the core accepts what is not canonical"
    assert len(parsed) == len(expected)
    for path, digest in expected.items():
        assert parsed.digest(path.encode()) == digest
    assert parsed.sum_lines().count(b"\n") == len(expected)


def check_attributes(data: bytes) -> None:
    """Check the core's reader of `attributes` against the standard library's."""
    for form in (data, attributes_bytes(_load(data))):
        _check_attributes(form)


def _check_attributes(data: bytes) -> None:
    expected = read_attributes(data)
    try:
        _core.Attributes.parse(data)
    except _core.FormatError:
        assert not expected, "the core refuses what is canonical"
        return
    assert expected, "the core accepts what is not canonical"


def read_checksums(data: bytes) -> dict[str, str] | None:
    """Return canonical checksums, read by the standard library; None for anything else."""
    value = _load(data)
    if not isinstance(value, dict) or _dump(value) != data:
        return None
    for path, digest in value.items():
        if not _is_path(path) or not isinstance(digest, str) or not _HEX.match(digest):
            return None
        parts = path.split("/")
        if any("/".join(parts[:count]) in value for count in range(1, len(parts))):
            return None
    return value


def read_attributes(data: bytes) -> bool:
    """Say whether bytes are canonical attributes, as they stand within the metadata."""
    document = _load(b'{\n  "attributes": ' + data + b"\n}\n")
    if not isinstance(document, dict) or list(document) != ["attributes"]:
        return False
    if _dump(document) != b'{\n  "attributes": ' + data + b"\n}\n":
        return False
    value = document["attributes"]
    return isinstance(value, dict) and all(
        name in _ATTRIBUTES and _ATTRIBUTES[name](content) for name, content in value.items()
    )


def _load(data: bytes) -> object:
    try:
        return json.loads(data.decode())
    except (ValueError, RecursionError):
        return None


def _dump(value: object) -> bytes | None:
    try:
        return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
    except (UnicodeEncodeError, RecursionError):
        return None


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from _leaves(one)
    else:
        yield value


def _is_path(value: object) -> bool:
    return (
        isinstance(value, str)
        and 0 < len(value.encode()) <= _MAX_PATH
        and "\0" not in value
        and not {"", ".", ".."} & set(value.split("/"))
    )


def _is_list(value: object, *, root_too: bool = False) -> bool:
    if not isinstance(value, list) or not value:
        return False
    paths = [one for one in value if _is_path(one) or (root_too and one == ".")]
    return paths == value and value == sorted(set(value))


def _is_map(value: object, fits: Callable[[object], bool]) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and all(_is_path(path) and fits(one) for path, one in value.items())
    )


def _is_groups(value: object, key: Callable[[str], bool], *, root_too: bool = False) -> bool:
    if not isinstance(value, dict) or not value:
        return False
    if not all(key(name) and _is_list(paths, root_too=root_too) for name, paths in value.items()):
        return False
    every = [path for paths in value.values() for path in paths]
    return len(every) == len(set(every))


def _is_size(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _is_capability(value: object) -> bool:
    return (
        isinstance(value, str)
        and re.fullmatch(r"([0-9a-f]{2})+", value) is not None
        and len(value) <= 2 * _MAX_CAPABILITY
    )


def _is_target(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value.encode()) <= _MAX_PATH and "\0" not in value


def _is_owner(name: str) -> bool:
    numbers = re.fullmatch(r"(0|[1-9][0-9]{0,9}):(0|[1-9][0-9]{0,9})", name, re.ASCII)
    return numbers is not None and all(int(number) < 2**32 for number in numbers.groups())


_ATTRIBUTES: dict[str, Callable[[object], bool]] = {
    "append_only": lambda value: _is_map(value, _is_size),
    "capabilities": lambda value: _is_map(value, _is_capability),
    "empty_directories": _is_list,
    "hard_links": _is_list,
    "modes": lambda value: _is_groups(
        value, lambda name: re.fullmatch(r"[0-7]{4}", name, re.ASCII) is not None
    ),
    "mutable": lambda value: _is_map(value, lambda one: one in ("file", "folder")),
    "owners": lambda value: _is_groups(value, _is_owner, root_too=True),
    "symlinks": lambda value: _is_map(value, _is_target),
}

_MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None
_DIGESTS = {name: sha256(_file(_ARTIFACTS, name)) for name in (release.CHECKSUMS, release.METADATA)}
_EVERY_ATTRIBUTE = {
    "append_only": {"log": 12},
    "capabilities": {"ping": "0100000200040000000000000000000000000000"},
    "empty_directories": ["var", "var2/x"],
    "hard_links": ["a\n"],
    "modes": {"0755": ["bin/run", "x"], "4755": ["s\u00fc"]},
    "mutable": {"cache": "folder", "pid": "file"},
    "owners": {"0:0": ["."], "1000:4294967295": ["home"]},
    "symlinks": {"link": "../x", "other": "\\"},
}


def attributes_bytes(value: object) -> bytes:
    """Return attributes as they stand within the metadata."""
    whole = _dump({"attributes": value}) or b""
    return whole.removeprefix(b'{\n  "attributes": ').removesuffix(b"\n}\n")


def _rollback() -> bytes:
    return statement.rollback_payload(
        b"x",
        statement.Rollback(
            product="p",
            environment="",
            deployment_id="d",
            sequence=1,
            reason="r",
            who="w",
            issued_at="2026-01-01T00:00:00Z",
            expires_at="2026-01-02T00:00:00Z",
        ),
    )


_SIGNED = _file(_ARTIFACTS, release.CHECKSUMS_SIGNATURE)

_RECEIPT = receipt.write(
    receipt.Receipt(
        kind=receipt.Kind.SCAN,
        status=Status.VERIFIED,
        since="2026-01-01T00:00:00Z",
        product="shop",
        root="/srv/app",
        root_identity=receipt.Identity(device=1, inode=2, boot="b"),
        files=receipt.Files(total=1, verified=1, modified=0, missing=0, new=0),
        scan_kind=receipt.ScanKind.FULL,
        findings_digest=receipt.FIRST,
        interval=300,
        note="n\u00e9",
        schema_version=receipt.SCHEMA_VERSION,
        sequence=1,
        time="2026-01-01T00:00:00Z",
        watcher="0" * 16,
        previous=receipt.FIRST,
        keyid="0" * 64,
        signature="AAAA",
    )
)

TARGETS: dict[str, Check] = {
    "attributes": check_attributes,
    "checksums": check_checksums,
    "envelope": check_envelope,
    "ignore": check_ignore,
    "keyring": check_keyring,
    "metadata": check_metadata,
    "provenance": check_provenance,
    "receipt": check_receipt,
    "statement": check_statement,
    "witness": check_witness,
}

SEEDS: dict[str, list[bytes]] = {
    "attributes": [
        b"{}",
        attributes_bytes(_EVERY_ATTRIBUTE),
        *(attributes_bytes({name: value}) for name, value in _EVERY_ATTRIBUTE.items()),
    ],
    "checksums": [b"{}\n", _file(_ARTIFACTS, release.CHECKSUMS)],
    "envelope": [_SIGNED, b'{\n  "payload": "",\n  "payloadType": "",\n  "signatures": []\n}\n'],
    "ignore": [b'{"patterns": []}', b'{"patterns": ["*.pyc", "!a/**/b", "[a-z]?", "\\\\#x"]}'],
    "keyring": [_file(path) for path in _KEYRINGS],
    "metadata": [
        _file(_ARTIFACTS, release.METADATA),
        b'{\n  "deployment_id": "d",\n  "schema_version": "1.0"\n}\n',
    ],
    "provenance": [_file(_ARTIFACTS, release.PROVENANCE)],
    "receipt": [_RECEIPT],
    "statement": [base64.b64decode(json.loads(_SIGNED)["payload"]), _rollback()],
    "witness": [canonical.encode(witness.Witness(floors={"p/e": 3}, last_seen=4))],
}
