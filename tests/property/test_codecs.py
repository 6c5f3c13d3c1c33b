"""parse ∘ write is the identity for every artifact type, and write ∘ parse on what is accepted."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.oracles import attributes_bytes, read_attributes, read_checksums
from tests.property.trees import NAMES

import duri
from duri import times
from duri.errors import MalformedError, UsageError
from duri.evidence import canonical, envelope, provenance, release, statement
from duri.evidence.envelope import Envelope, Signature
from duri.evidence.keys import keyring as keyrings
from duri.evidence.keys.keyring import Key, State
from duri.evidence.keys.material import Algorithm, secret_keyid
from duri.evidence.keys.secret import Secret
from duri.evidence.release import Metadata
from duri.evidence.witness import Witness
from duri.policy import Policy
from duri.settings import Settings
from duri.tree import _core
from duri.tree.digest import sha256
from duri.verdict import Status

LENIENT = Settings(mode="lenient")

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.integers(0, 2**63 - 1)
DIGESTS = st.binary(min_size=32, max_size=32).map(bytes.hex)
TIMES = st.integers(0, times.MAX_TIME).map(times.write)
PATTERNS = st.lists(TEXTS, max_size=3).map(tuple)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)

POLICIES = st.builds(
    Policy,
    ignore=PATTERNS,
    mutable=PATTERNS,
    append_only=PATTERNS,
    external_links=PATTERNS,
    owners=st.booleans(),
    case_twins=st.booleans(),
    spike_threshold=st.sampled_from(["0", "0.3", "1", "0.000001"]),
)


def bytewise(path: str) -> bytes:
    return path.encode()


PATH_LISTS = st.lists(PATHS, min_size=1, max_size=4, unique=True).map(sorted)
ATTRIBUTES = st.fixed_dictionaries(
    {},
    optional={
        "append_only": st.dictionaries(PATHS, NUMBERS, min_size=1),
        "capabilities": st.dictionaries(
            PATHS, st.binary(min_size=1, max_size=64).map(bytes.hex), min_size=1
        ),
        "empty_directories": PATH_LISTS,
        "hard_links": PATH_LISTS,
        "modes": st.dictionaries(
            st.from_regex(r"[0-7]{4}", fullmatch=True), PATH_LISTS, min_size=1, max_size=1
        ),
        "mutable": st.dictionaries(PATHS, st.sampled_from(["file", "folder"]), min_size=1),
        "owners": st.dictionaries(
            st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)).map(
                "{0[0]}:{0[1]}".format
            ),
            PATH_LISTS,
            min_size=1,
            max_size=1,
        ),
        "symlinks": st.dictionaries(PATHS, PATHS, min_size=1),
    },
)


@st.composite
def metadata(draw: st.DrawFn) -> Metadata:
    policy = draw(POLICIES)
    return Metadata(
        attributes=msgspec.Raw(attributes_bytes(draw(ATTRIBUTES))),
        checksums_digest="sha256:" + draw(DIGESTS),
        created_at=draw(TIMES),
        deployment_id=draw(TEXTS),
        environment=draw(TEXTS),
        file_count=draw(NUMBERS),
        hash_algorithm=draw(st.sampled_from(release.HASH_ALGORITHMS)),
        hash_version=draw(st.integers(1, 9)),
        ignore_hash=release.policy_digest(policy),
        mode=draw(st.sampled_from(release.MODES)),
        policy=policy,
        product=draw(TEXTS),
        schema_version=release.SCHEMA_VERSION,
        sequence=draw(NUMBERS),
        total_bytes=draw(NUMBERS),
        version=draw(TEXTS),
    )


@given(value=metadata())
def test_metadata(value: Metadata) -> None:
    data = release.write_metadata(value)
    parsed = release.parse_metadata(data)
    assert isinstance(parsed, Metadata)
    assert release.write_metadata(parsed) == data
    assert msgspec.structs.replace(parsed, attributes=value.attributes) == value
    again = json.dumps(json.loads(data), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert data == again.encode()


@given(
    value=st.builds(
        Envelope,
        payload=st.binary(max_size=200),
        payload_type=TEXTS,
        signatures=st.lists(
            st.builds(Signature, keyid=TEXTS, signature=st.binary(max_size=80)), max_size=16
        ).map(tuple),
    )
)
def test_envelope(value: Envelope) -> None:
    assert envelope.parse(envelope.write(value), name="x") == value


@given(
    files=st.dictionaries(TEXTS, st.binary(max_size=5), min_size=1),
    predicate=st.builds(
        statement.Release,
        product=TEXTS,
        environment=TEXTS,
        deployment_id=TEXTS,
        sequence=NUMBERS,
        policy_digest=TEXTS,
        signed_at=TIMES,
    ),
)
def test_release_statement(files: dict[str, bytes], predicate: statement.Release) -> None:
    payload = statement.release_payload(files, predicate)
    parsed = statement.parse_release(Envelope(payload=payload), name="x")
    assert parsed.predicate == predicate
    assert {one.name: one.digest.sha256 for one in parsed.subject} == {
        name: sha256(data) for name, data in files.items()
    }
    assert canonical.compact(parsed) == payload


@given(
    checksums=st.binary(max_size=9),
    described=st.binary(max_size=9),
    parameters=st.dictionaries(TEXTS, TEXTS),
)
def test_provenance(checksums: bytes, described: bytes, parameters: dict[str, str]) -> None:
    files = {release.CHECKSUMS: checksums, release.METADATA: described}
    data = provenance.write(
        files,
        deployment_id="d",
        started_on="2026-01-01T00:00:00Z",
        finished_on="2026-01-01T00:00:01Z",
        parameters=parameters,
    )
    provenance.check(data, {name: sha256(content) for name, content in files.items()})
    value = canonical.decode(data, dict[str, object], name="x")
    assert canonical.encode(value) == data
    assert json.loads(data)["predicate"]["buildDefinition"]["externalParameters"] == parameters


@st.composite
def keys(draw: st.DrawFn) -> Key:
    secret = draw(st.binary(min_size=32, max_size=64).filter(lambda one: b"-----BEGIN " not in one))
    state = draw(st.sampled_from(State))
    moments = st.none() | st.integers(0, times.MAX_TIME)
    return Key(
        keyid=secret_keyid(secret),
        algorithm=Algorithm.HMAC_SHA256,
        state=state,
        created_at=draw(st.integers(0, times.MAX_TIME)),
        name=draw(st.none() | st.from_regex(r"[ -~]{1,64}", fullmatch=True)),
        activated_at=None if state is State.PENDING else draw(moments),
        verify_until=draw(st.integers(0, times.MAX_TIME)) if state is State.RETIRING else None,
        revoked_at=draw(moments) if state is State.REVOKED else None,
        reason="lost" if state is State.REVOKED else None,
        secret=Secret(secret),
    )


@given(made=st.lists(keys(), min_size=1, max_size=4, unique_by=lambda key: key.keyid))
def test_keyring(made: list[Key]) -> None:
    keyring = keyrings.assemble(made)
    data = keyrings.write(keyring)
    assert keyrings.parse(data, prod=True).keyring == keyring
    assert keyrings.write(keyrings.parse(data, prod=True).keyring) == data


@given(value=st.builds(Witness, floors=st.dictionaries(TEXTS, NUMBERS), last_seen=NUMBERS))
def test_witness(value: Witness) -> None:
    assert canonical.decode(canonical.encode(value), Witness, name="x") == value


@given(entries=st.dictionaries(PATHS, DIGESTS))
def test_checksums(entries: dict[str, str]) -> None:
    data = (json.dumps(entries, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
    if read_checksums(data) is None:  # a path below another that is a file
        return
    parsed = _core.Checksums.parse(data, "sha256")
    assert {path: parsed.digest(path.encode()) for path in entries} == entries
    lines = parsed.sum_lines().splitlines()
    unescaped = {
        line[66:].decode(): line[:64].decode()
        for line in parsed.sum_lines().split(b"\n")
        if line and not line.startswith(b"\\")
    }
    plain = {path: digest for path, digest in entries.items() if not set(path) & set("\\\n\r")}
    assert unescaped == plain
    assert len(lines) >= len(entries)


@given(value=ATTRIBUTES)
def test_attributes(value: dict[str, object]) -> None:
    data = attributes_bytes(value)
    assert read_attributes(data)
    _core.Attributes.parse(data)


@pytest.mark.parametrize(
    "text",
    [b'{\n  "a": 1\n}\n', b"1\n", b'"\\u0001"\n', b"{}\n", b"[]\n", b"-1\n", '"\u00e9"\n'.encode()],
)
def test_the_one_form_of_json_is_read(text: bytes) -> None:
    assert canonical.encode(canonical.decode(text, object, name="x")) == text


@pytest.mark.parametrize(
    "text",
    [
        b"1.5\n",
        b'{\n  "a": 0.25\n}\n',
        b"1.0\n",
        b"1e5\n",
        b"-0\n",
        b"NaN\n",
        b"1",
        b"1\n\n",
        b"\xef\xbb\xbf1\n",
        b'{"a": 1}\n',
        b'{\n  "b": 1,\n  "a": 1\n}\n',
        b'{\n  "a": 1,\n  "a": 1\n}\n',
        b'"\\u00e9"\n',
        b'"\\/"\n',
        b'"\xff"\n',
        b"[" * 100_000 + b"]" * 100_000 + b"\n",
    ],
)
def test_no_other_form_of_json_is_read(text: bytes) -> None:
    with pytest.raises(MalformedError):
        canonical.decode(text, object, name="x")


def test_metadata_out_of_range_is_refused() -> None:
    metadata = release.Metadata(
        attributes=msgspec.Raw(b"{}"),
        checksums_digest="",
        created_at="2026-11-22T10:00:00Z",
        deployment_id="",
        environment="",
        file_count=0,
        hash_algorithm="sha256",
        hash_version=1,
        ignore_hash=release.policy_digest(Policy()),
        mode="strict",
        policy=Policy(),
        product="",
        schema_version=release.SCHEMA_VERSION,
        sequence=0,
        total_bytes=0,
        version="",
    )
    assert release.parse_metadata(release.write_metadata(metadata)).version == ""
    for changed in (
        {"attributes": msgspec.Raw(b'{\n    "\xff": {}\n  }')},
        {"total_bytes": 2**63},
        {"sequence": 2**70},
        {"file_count": -1},
    ):
        data = canonical.encode(msgspec.structs.replace(metadata, **changed))
        with pytest.raises(MalformedError):
            release.parse_metadata(data)


def test_sequence_that_no_verifier_accepts_is_not_sealed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a usable sequence"):
        duri.seal(tmp_path, version="1", product="p", sequence=2**63, settings=LENIENT)
    assert not list(tmp_path.iterdir())
    duri.seal(tmp_path, version="1", product="p", sequence=2**63 - 1, settings=LENIENT)
    assert duri.verify(tmp_path, settings=LENIENT).status is Status.VERIFIED
