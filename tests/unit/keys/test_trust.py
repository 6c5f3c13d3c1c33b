"""Which signatures count: ATTACKS 3 to 6, each beside its accepted twin."""

import pytest
from tests.unit.keys.examples import NOW, PAE, WINDOW, example, in_state, ring

from duri.errors import KeyringError
from duri.evidence.keys.key import Key, State
from duri.evidence.keys.keyring import Algorithm, Keyring, assemble
from duri.evidence.keys.local import signer_for
from duri.evidence.keys.trust import Trust, judge
from duri.times import DAY
from duri.verdict import Kind, Status


def signed(*keys: Key) -> list[tuple[str, bytes]]:
    """Return a good signature by each key."""
    return [(key.keyid, signer_for(key).sign(PAE)) for key in keys]


def ask(
    keys: Keyring,
    signatures: list[tuple[str, bytes]],
    *,
    now: int = NOW,
    dual: bool = True,
    from_archive: bool = False,
) -> Trust:
    """Judge signatures over PAE."""
    return judge(
        PAE, signatures, keyring=keys, now=now, dual_verify=dual, from_archive=from_archive
    )


def kinds(trust: Trust) -> list[tuple[Kind, Status]]:
    return [(problem.kind, problem.status) for problem in trust.problems]


UNTRUSTED = (Kind.SIGNATURE_UNTRUSTED, Status.TAMPERED)
NOTED = (Kind.SIGNATURE_UNTRUSTED, Status.VERIFIED)
INVALID = (Kind.SIGNATURE_INVALID, Status.TAMPERED)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_good_signature_by_an_active_key_suffices(algorithm: Algorithm) -> None:
    key = in_state(example(1, algorithm), State.ACTIVE)
    trust = ask(assemble([key]), signed(key))
    assert (trust.counted, trust.ok, trust.problems) == ((key.keyid,), True, ())


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_signature_over_other_bytes_is_invalid(algorithm: Algorithm) -> None:
    key = in_state(example(1, algorithm), State.ACTIVE)
    signatures = signed(key)
    trust = judge(PAE + b" ", signatures, keyring=assemble([key]), now=NOW, dual_verify=True)
    assert not trust.ok
    assert kinds(trust) == [INVALID]


def test_no_signature_is_missing() -> None:
    trust = ask(ring(State.ACTIVE)[0], [])
    assert not trust.ok
    assert kinds(trust) == [(Kind.SIGNATURE_MISSING, Status.TAMPERED)]


def test_an_unknown_key_alone_is_untrusted_and_beside_a_good_one_ignored() -> None:
    keys, (key,) = ring(State.ACTIVE)
    alone = ask(keys, signed(example(9)))
    assert not alone.ok
    assert kinds(alone) == [UNTRUSTED]
    beside = ask(keys, signed(example(9), key))
    assert beside.ok
    assert kinds(beside) == [NOTED]


def test_an_unknown_keyid_is_shown_escaped() -> None:
    keys, _ = ring(State.ACTIVE)
    (problem,) = ask(keys, [("\x1b[2J" + "A" * 9999, b"")]).problems
    assert problem.sentence.isprintable()
    assert len(problem.sentence) < 200


@pytest.mark.parametrize("state", [State.PENDING, State.ARCHIVED, State.REVOKED])
def test_a_key_in_a_state_that_does_not_count_is_untrusted_alone(state: State) -> None:
    keys, (key, active) = ring(state, State.ACTIVE)
    alone = ask(keys, signed(key))
    assert not alone.ok
    assert kinds(alone) == [UNTRUSTED]
    beside = ask(keys, signed(key, active))
    assert beside.ok
    assert kinds(beside) == ([] if state is State.PENDING else [NOTED])


@pytest.mark.parametrize(
    ("late", "dual", "good"), [(0, True, True), (1, True, False), (0, False, False)]
)
def test_a_retiring_key_counts_within_its_window_and_with_dual_verification(
    *, late: int, dual: bool, good: bool
) -> None:
    keys, (key, _) = ring(State.RETIRING, State.ACTIVE)
    trust = ask(keys, signed(key), now=NOW + WINDOW * DAY + late, dual=dual)
    assert trust.ok is good
    assert kinds(trust) == ([] if good else [UNTRUSTED])


def test_a_pending_key_counts_beside_an_active_one_and_not_beside_a_retiring_one() -> None:
    keys, (pending, retiring, active) = ring(
        State.PENDING, State.RETIRING, State.ACTIVE, threshold=2
    )
    assert ask(keys, signed(pending, active)).ok
    assert not ask(keys, signed(pending, retiring)).ok


def test_an_archived_key_counts_for_a_release_from_the_archive_and_a_revoked_one_never() -> None:
    keys, (archived, revoked) = ring(State.ARCHIVED, State.REVOKED)
    assert ask(keys, signed(archived), from_archive=True).ok
    assert not ask(keys, signed(archived)).ok
    assert not ask(keys, signed(revoked), from_archive=True).ok


@pytest.mark.parametrize("other", State)
def test_a_bad_signature_by_a_known_key_fails_beside_a_good_one(other: State) -> None:
    keys, (active, key) = ring(State.ACTIVE, other)
    trust = ask(keys, [*signed(active), (key.keyid, bytes(32))])
    assert not trust.ok
    assert INVALID in kinds(trust)
    assert ask(keys, signed(active)).ok


def test_a_good_and_a_bad_signature_by_one_key_fail() -> None:
    keys, (key,) = ring(State.ACTIVE)
    assert not ask(keys, [*signed(key), (key.keyid, bytes(32))]).ok
    assert not ask(keys, [(key.keyid, bytes(32)), *signed(key)]).ok


def test_one_key_counts_once_however_often_it_signs() -> None:
    key = in_state(example(1, Algorithm.ECDSA_P256_SHA256), State.ACTIVE)
    other = in_state(example(2), State.ACTIVE)
    keys = assemble([key, other], threshold=2)
    # ECDSA signs the same bytes differently each time.
    twice = ask(keys, [*signed(key, key), *signed(key)])
    assert len(set(signed(key, key))) == 2
    assert not twice.ok
    assert twice.counted == (key.keyid,)
    assert kinds(twice) == [UNTRUSTED]
    assert ask(keys, signed(key, other)).ok


def test_the_key_is_chosen_by_keyid_and_no_other_key_is_tried() -> None:
    keys, (first, second) = ring(State.ACTIVE, State.ACTIVE)
    crossed = [(first.keyid, signer_for(second).sign(PAE))]
    assert kinds(ask(keys, crossed)) == [INVALID]
    assert kinds(ask(keys, [(first.keyid.upper(), signed(first)[0][1])])) == [UNTRUSTED]


def test_a_clock_set_back_before_a_key_was_made_is_unverifiable() -> None:
    keys, (key,) = ring(State.ACTIVE)
    trust = ask(keys, signed(key), now=key.created_at - 301)
    assert not trust.ok
    assert kinds(trust) == [(Kind.CLOCK_BEHIND, Status.UNVERIFIABLE)]
    assert ask(keys, signed(key), now=key.created_at - 300).ok


def test_a_trust_is_no_truth_value() -> None:
    keys, (key,) = ring(State.ACTIVE)
    with pytest.raises(TypeError):
        bool(ask(keys, signed(key)))


def test_a_key_that_a_service_keeps_is_not_guessed_about_but_revoked_it_never_counts() -> None:
    remote = Key(
        keyid="ab" * 16,
        algorithm=Algorithm.HMAC_SHA256,
        state=State.ACTIVE,
        created_at=NOW,
        uri="awskms:alias/duri",
    )
    with pytest.raises(KeyringError, match="service"):
        ask(assemble([remote]), [(remote.keyid, bytes(32))])
    revoked = in_state(remote, State.REVOKED)
    assert kinds(ask(assemble([revoked]), [(remote.keyid, bytes(32))])) == [UNTRUSTED]
