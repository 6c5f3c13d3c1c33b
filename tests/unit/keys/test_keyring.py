"""Keyrings: parse and write are inverse, and what is unsound is refused by name."""

import json
import tracemalloc
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.keys.examples import NOW, example, hmac_key, in_state, ring

from duri.errors import KeyringError
from duri.evidence.keys.key import Key, State
from duri.evidence.keys.keyring import Algorithm, assemble, parse, select, write
from duri.evidence.keys.secret import Secret
from duri.limits import MAX_KEYRING_BYTES, MAX_KEYS

Document = dict[str, object]
GOOD = write(
    assemble(
        [
            in_state(example(1), State.RETIRING),
            in_state(example(1, Algorithm.ECDSA_P256_SHA256), State.ACTIVE),
            in_state(example(1, Algorithm.ED25519), State.REVOKED),
        ]
    )
)


def edited(change: Callable[[list[Document], Document], object]) -> bytes:
    """Return GOOD with its keys (MAC, ECDSA, Ed25519) or the whole document changed."""
    document = json.loads(GOOD)
    order = list(Algorithm)[::-1]
    keys = sorted(
        document["keys"], key=lambda key: [*order[:1], *order[2:], order[1]].index(key["algorithm"])
    )
    change(keys, document)
    return json.dumps(document).encode()


def test_the_example_is_good_as_written_and_as_edited_by_hand() -> None:
    loaded = parse(GOOD, prod=True)
    assert loaded.warnings == ()
    assert write(loaded.keyring) == GOOD
    compact = edited(lambda _keys, _document: None)
    assert compact != GOOD
    assert parse(compact, prod=True) == loaded


def test_the_text_is_canonical() -> None:
    document = json.loads(GOOD)
    text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert text.encode() == GOOD


NAMES = st.text(min_size=1, max_size=64).filter(str.isprintable)
TIMES = st.integers(0, 253_402_300_799)


@st.composite
def sound_keys(draw: st.DrawFn) -> Key:
    algorithm = draw(st.sampled_from(Algorithm))
    key = example(draw(st.integers(1, 3)), algorithm)
    if algorithm is Algorithm.HMAC_SHA256 and draw(st.booleans()):
        key = hmac_key(b"k" + draw(st.binary(max_size=80).filter(lambda raw: b"-----" not in raw)))
    state = draw(st.sampled_from(State))
    maybe = st.none() | TIMES
    return msgspec.structs.replace(
        key,
        state=state,
        name=draw(st.none() | NAMES),
        created_at=draw(TIMES),
        activated_at=None if state is State.PENDING else draw(maybe),
        verify_until=draw(TIMES) if state is State.RETIRING else None,
        revoked_at=draw(maybe) if state is State.REVOKED else None,
        reason=draw(st.none() | NAMES) if state is State.REVOKED else None,
    )


@given(st.lists(sound_keys(), min_size=1, unique_by=lambda key: key.keyid), st.data())
def test_parse_after_write_is_identity(keys: list[Key], data: st.DataObject) -> None:
    keyring = assemble(keys, threshold=data.draw(st.integers(1, len(keys))))
    assert parse(write(keyring), prod=False).keyring == keyring
    assert write(parse(write(keyring), prod=False).keyring) == write(keyring)


@given(st.binary(max_size=200) | st.text(alphabet='{}[]":,\\ 0skey', max_size=60).map(str.encode))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    with pytest.raises(KeyringError):
        parse(data, prod=False)


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_a_changed_byte_never_passes_for_the_same_keyring_unnoticed(place: int, mask: int) -> None:
    changed = bytearray(GOOD)
    changed[place] ^= mask
    try:
        keyring = parse(bytes(changed), prod=True).keyring
    except KeyringError:
        return
    assert {key.keyid for key in keyring.keys} == {
        key.keyid for key in parse(GOOD, prod=True).keyring.keys
    }


BAD_BYTES = {
    "empty": b"",
    "only space": b" \n",
    "truncated": GOOD[:-20],
    "trailing bytes": GOOD + b"{}",
    "byte order mark": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "not UTF-8": GOOD.replace(b"train", b"tr\xffin"),
    "an array": b"[" + GOOD + b"]",
    "NaN": GOOD.replace(b'"threshold": 1', b'"threshold": NaN'),
    "1e400": GOOD.replace(b'"threshold": 1', b'"threshold": 1e400'),
    "deep": b'{"keys":' + b"[" * 500_000,
    "too large": GOOD + b" " * MAX_KEYRING_BYTES,
    "twice the version": GOOD.replace(b"{", b'{"schema_version": "1.0",', 1),
    "twice the version, escaped": GOOD.replace(b"{", b'{"schema_versio\\u006e": "0",', 1),
    "twice a state": GOOD.replace(b'"state": "revoked"', b'"state":"active", "state" : "revoked"'),
    "twice a reason with quotes": GOOD.replace(
        b'"reason"', b'"reason": "a\\\\\\": \\" : \\\\", "reason"', 1
    ),
}


@pytest.mark.parametrize("name", BAD_BYTES)
def test_bytes_that_are_no_keyring_are_refused(name: str) -> None:
    assert BAD_BYTES[name] != GOOD
    with pytest.raises(KeyringError) as caught:
        parse(BAD_BYTES[name], where="keyring.json", prod=False)
    assert str(caught.value).startswith("keyring.json: ")
    expected = "duplicate" if name.startswith("twice") else ""
    assert expected in caught.value.what


@pytest.mark.parametrize("reason", ['a: "b": \\', "\\\\", '"', ":::", "\\u003a"])
def test_colons_and_quotes_within_a_text_are_no_duplicate(reason: str) -> None:
    data = edited(lambda keys, _: keys[2].update(reason=reason))
    assert reason in [key.reason for key in parse(data, prod=True).keyring.keys]


def test_a_hostile_text_costs_little_memory() -> None:
    tracemalloc.start()
    try:
        with pytest.raises(KeyringError):
            parse(b'{"keys":[' + b"[]," * (MAX_KEYRING_BYTES // 3 - 10) + b"[]]}", prod=True)
        assert tracemalloc.get_traced_memory()[1] < 100 * MAX_KEYRING_BYTES
    finally:
        tracemalloc.stop()


MAC, EC, ED = 0, 1, 2
BAD_FIELDS: dict[str, tuple[Callable[[list[Document], Document], object], str]] = {
    "unknown version": (lambda _, d: d.update(schema_version="1.1"), "schema_version"),
    "no version": (lambda _, d: d.pop("schema_version"), "schema"),
    "version of another type": (lambda _, d: d.update(schema_version=1.0), "schema"),
    "unknown field": (lambda _, d: d.update(extra=1), "unknown field"),
    "unknown field of a key": (lambda k, _: k[MAC].update(extra=1), "unknown field"),
    "threshold zero": (lambda _, d: d.update(threshold=0), "threshold"),
    "threshold too high": (lambda _, d: d.update(threshold=4), "threshold"),
    "threshold true": (lambda _, d: d.update(threshold=True), "schema"),
    "threshold a float": (lambda _, d: d.update(threshold=1.0), "schema"),
    "no keys": (lambda _, d: d.update(keys=[]), "no keys"),
    "keys an object": (lambda _, d: d.update(keys={}), "schema"),
    "unknown algorithm": (lambda k, _: k[MAC].update(algorithm="rsa"), "algorithm"),
    "another algorithm": (lambda k, _: k[EC].update(algorithm="ed25519"), "ed25519"),
    "public key as a secret": (
        lambda k, _: k[EC].update(algorithm="hmac-sha256", keyid="0" * 32),
        "one place",
    ),
    "unknown state": (lambda k, _: k[MAC].update(state="expired"), "state"),
    "time without Z": (lambda k, _: k[MAC].update(created_at="2026-11-22T10:00:00"), "created_at"),
    "time elsewhere": (
        lambda k, _: k[MAC].update(created_at="2026-11-22T10:00:00+09:00"),
        "created_at",
    ),
    "time with a fraction": (
        lambda k, _: k[MAC].update(created_at="2026-11-22T10:00:00.5Z"),
        "created_at",
    ),
    "no such day": (lambda k, _: k[MAC].update(created_at="2026-02-30T10:00:00Z"), "created_at"),
    "time before 1970": (lambda k, _: k[MAC].update(created_at="1969-02-03T10:00:00Z"), "created"),
    "retiring without a window": (lambda k, _: k[MAC].pop("verify_until"), "verify_until"),
    "active with a window": (
        lambda k, _: k[EC].update(verify_until="2026-11-22T10:00:00Z"),
        "verify_until",
    ),
    "active with a reason": (lambda k, _: k[EC].update(reason="x"), "reason"),
    "pending but activated": (
        lambda k, _: k[EC].update(state="pending"),
        "activated_at",
    ),
    "keyid of another key": (lambda k, _: k[EC].update(keyid="0" * 64), "keyid"),
    "keyid in capitals": (lambda k, _: k[EC].update(keyid=str(k[EC]["keyid"]).upper()), "keyid"),
    "secret not base64": (lambda k, _: k[MAC].update(secret="!" * 43), "secret"),
    "secret empty": (lambda k, _: k[MAC].update(secret=""), "empty"),
    "two homes": (lambda k, _: k[MAC].update(uri="vault:x"), "one place"),
    "no home": (lambda k, _: k[MAC].pop("secret"), "one place"),
    "private without public": (lambda k, _: k[EC].pop("public_key"), "one place"),
    "private of another label": (
        lambda k, _: k[EC].update(private_key=k[EC]["public_key"]),
        "PRIVATE KEY",
    ),
    "public of another label": (
        lambda k, _: k[EC].update(public_key=k[EC]["private_key"]),
        "PUBLIC KEY",
    ),
    "one key twice": (lambda k, d: d.update(keys=[*k, k[MAC]]), "same keyid"),
    "name with an escape": (lambda k, _: k[MAC].update(name="\x1b[2J"), "name"),
    "name too long": (lambda k, _: k[MAC].update(name="x" * 65), "name"),
}


@pytest.mark.parametrize("name", BAD_FIELDS)
def test_fields_that_are_unsound_are_refused(name: str) -> None:
    change, word = BAD_FIELDS[name]
    with pytest.raises(KeyringError) as caught:
        parse(edited(change), prod=False)
    assert word in str(caught.value)
    assert str(caught.value).isprintable()


def test_too_many_keys_are_refused() -> None:
    keys = [hmac_key(number.to_bytes(32, "big")) for number in range(MAX_KEYS + 1)]
    assert len(assemble(keys[:-1]).keys) == MAX_KEYS
    with pytest.raises(KeyringError, match="too many"):
        assemble(keys)


@pytest.mark.parametrize(("size", "short"), [(1, True), (31, True), (32, False), (4096, False)])
def test_a_short_secret_is_refused_in_prod_and_warned_of_elsewhere(
    *, size: int, short: bool
) -> None:
    data = write(assemble([hmac_key(bytes([7]) * size)]))
    assert len(parse(data, prod=False).warnings) == short
    if short:
        with pytest.raises(KeyringError, match="too short"):
            parse(data, prod=True)
    else:
        assert parse(data, prod=True).warnings == ()


@pytest.mark.parametrize(
    "secret",
    [
        (example(1, Algorithm.ED25519).public_key or "").encode(),
        b"\n -----BEGIN CERTIFICATE-----\n",
        b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ",
        bytes.fromhex("302a300506032b6570032100") + bytes(32),
        bytes(4097),
    ],
)
def test_a_secret_that_is_published_or_no_key_is_refused(secret: bytes) -> None:
    with pytest.raises(KeyringError, match="secret"):
        assemble([hmac_key(secret)])


@pytest.mark.parametrize(
    ("uri", "good"),
    [
        ("awskms:///arn:aws:kms:eu-west-1:123456789012:key/1", True),
        ("vault:transit/keys/duri", True),
        ("file:/run/secrets/key@v2", True),
        ("https://example.org/key", False),
        ("vault:", False),
        ("vault://user:password@host/key", False),
        ("vault:a b", False),
        ("vault:\x1b", False),
        ("vault:" + "a" * 1024, False),
    ],
)
def test_a_uri_names_a_known_home_and_holds_no_credentials(*, uri: str, good: bool) -> None:
    key = Key(
        keyid="ab" * 16,
        algorithm=Algorithm.HMAC_SHA256,
        state=State.ACTIVE,
        created_at=NOW,
        uri=uri,
    )
    if good:
        keyring = assemble([key])
        assert parse(write(keyring), prod=True).keyring == keyring
        twin = msgspec.structs.replace(key, keyid="cd" * 16)
        with pytest.raises(KeyringError, match="same uri"):
            assemble([key, twin])
    else:
        with pytest.raises(KeyringError) as caught:
            assemble([key])
        assert "password@" not in str(caught.value)


def test_equal_mac_keys_in_two_spellings_are_one_key() -> None:
    # HMAC pads a key with zeros (RFC 2104), so these two make the same MACs.
    padded = hmac_key(b"k" * 32 + b"\0"), hmac_key(b"k" * 32)
    with pytest.raises(KeyringError, match="same keyid"):
        assemble(padded)


def test_a_person_selects_a_key_by_keyid_prefix_or_name() -> None:
    keys, (first, second) = ring(State.ACTIVE, State.PENDING)
    named = msgspec.structs.replace(second, name="night shift")
    keys = assemble([first, named])
    assert select(keys, first.keyid) == first
    assert select(keys, first.keyid[:8]) == first
    assert select(keys, "night shift") == named
    for text in (first.keyid[:7], "", "f" * 32):
        with pytest.raises(KeyringError, match="no key fits"):
            select(keys, text)


def test_order_is_by_creation_then_keyid() -> None:
    late = in_state(example(1), State.ACTIVE, created_at=NOW)
    early = in_state(example(2), State.ACTIVE, created_at=NOW - 1)
    assert assemble([late, early]).keys == (early, late)
    assert assemble([early, late]) == assemble([late, early])


def test_a_secret_equals_only_the_same_secret() -> None:
    assert Secret(b"a") == Secret(b"a")
    assert Secret(b"a") != Secret(b"b")
    assert Secret(b"a") != b"a"
    assert len({Secret(b"a"), Secret(b"a")}) == 1
