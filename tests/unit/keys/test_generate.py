"""New keys, new keyrings, and what verifiers get."""

import msgspec
import pytest
from tests.unit.keys.examples import NOW, PAE, example, in_state

from duri.errors import KeyringError
from duri.evidence.keys.backend import SignatureVerdict
from duri.evidence.keys.generate import DEFAULT_ALGORITHM, new_key, new_keyring, public_part
from duri.evidence.keys.key import Key, State, check_key
from duri.evidence.keys.keyring import Algorithm, assemble, parse, write
from duri.evidence.keys.local import check_material, signer_for, verify_signature


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_new_key_is_pending_and_sound(algorithm: Algorithm) -> None:
    key = new_key(algorithm, now=NOW, name="first")
    check_key(key)
    check_material(key)
    assert (key.state, key.algorithm, key.created_at) == (State.PENDING, algorithm, NOW)
    assert key.holds_secret


def test_a_new_keyring_has_one_active_key() -> None:
    keyring = new_keyring(new_key(now=NOW), now=NOW)
    (key,) = keyring.keys
    assert (key.state, key.activated_at) == (State.ACTIVE, NOW)
    assert key.algorithm is DEFAULT_ALGORITHM is Algorithm.ECDSA_P256_SHA256


def test_a_secret_comes_from_the_randomness_that_is_passed() -> None:
    key = new_key(Algorithm.HMAC_SHA256, now=NOW, random=lambda size: b"r" * size)
    assert key.secret is not None
    assert key.secret.reveal() == b"r" * 32


def test_the_public_part_verifies_and_holds_nothing_that_signs() -> None:
    whole = assemble(
        [
            in_state(example(1, Algorithm.ECDSA_P256_SHA256), State.ACTIVE),
            in_state(example(1, Algorithm.ED25519), State.RETIRING),
        ],
        threshold=2,
    )
    part = public_part(whole)
    assert part.dropped == ()
    assert whole.holds_secret
    assert not part.keyring.holds_secret
    assert b"PRIVATE" in write(whole)
    assert b"PRIVATE" not in write(part.keyring)
    assert parse(write(part.keyring), prod=True).keyring == part.keyring
    assert part.keyring.threshold == 2
    for before, after in zip(whole.keys, part.keyring.keys, strict=True):
        signature = signer_for(before).sign(PAE)
        assert verify_signature(after, PAE, signature) is SignatureVerdict.GOOD
        assert after.state is before.state


def test_a_mac_key_is_refused_or_dropped_and_reported() -> None:
    mac = in_state(example(1), State.RETIRING)
    keyring = assemble([mac, in_state(example(1, Algorithm.ED25519), State.ACTIVE)])
    with pytest.raises(KeyringError, match="no public part"):
        public_part(keyring)
    part = public_part(keyring, drop_hmac=True)
    assert part.dropped == (mac.keyid,)
    assert mac.keyid not in [key.keyid for key in part.keyring.keys]
    with pytest.raises(KeyringError, match="no keys"):
        public_part(assemble([mac]), drop_hmac=True)


def test_a_service_key_with_a_public_part_is_verified_offline() -> None:
    local = in_state(example(1, Algorithm.ED25519), State.ACTIVE)
    remote = msgspec.structs.replace(local, private_key=None, uri="vault:transit/keys/duri")
    unknown = Key(
        keyid="ab" * 16,
        algorithm=Algorithm.HMAC_SHA256,
        state=State.ACTIVE,
        created_at=NOW,
        uri="awskms:alias/duri",
    )
    part = public_part(assemble([remote, unknown]))
    assert [key.uri for key in part.keyring.keys] == [None, unknown.uri]
    assert verify_signature(remote, PAE, signer_for(local).sign(PAE)) is SignatureVerdict.GOOD
    with pytest.raises(KeyringError, match="service"):
        signer_for(remote)
