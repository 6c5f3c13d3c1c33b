"""The state machine: every state, every event, the clock around each window."""

import itertools
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.keys.examples import NOW, PAE, WINDOW, example, in_state, ring

from duri.errors import KeyringError
from duri.evidence.keys.backend import SignatureVerdict
from duri.evidence.keys.key import Key, State
from duri.evidence.keys.keyring import Keyring, assemble
from duri.evidence.keys.lifecycle import (
    Standing,
    activate,
    age_days,
    overdue,
    remove,
    retire,
    revoke,
    rotate,
    sealing_refused,
    signers,
    standing,
)
from duri.evidence.keys.trust import judge
from duri.limits import CLOCK_SKEW_SECONDS, KEY_GRACE_DAYS
from duri.times import DAY

UNTIL = NOW + WINDOW * DAY
CLOCKS = {"before the end": UNTIL - 1, "at the end": UNTIL, "after the end": UNTIL + 1}

Event = Callable[[Keyring, str, int], Keyring]
EVENTS: dict[str, Event] = {
    "activate": lambda keys, keyid, now: activate(keys, keyid, now=now, window_days=WINDOW),
    "retire": lambda keys, keyid, _: retire(keys, keyid),
    "revoke": lambda keys, keyid, now: revoke(keys, keyid, now=now, reason="leaked"),
    "remove": lambda keys, keyid, now: remove(keys, keyid, now=now),
}
REFUSED, GONE = "refused", "gone"
# What becomes of a key beside another active one; a tuple is by the clock of CLOCKS.
TABLE: dict[tuple[State, str], object] = {
    (State.PENDING, "activate"): State.ACTIVE,
    (State.PENDING, "retire"): REFUSED,
    (State.PENDING, "revoke"): State.REVOKED,
    (State.PENDING, "remove"): GONE,
    (State.ACTIVE, "activate"): REFUSED,
    (State.ACTIVE, "retire"): State.ARCHIVED,
    (State.ACTIVE, "revoke"): State.REVOKED,
    (State.ACTIVE, "remove"): REFUSED,
    (State.RETIRING, "activate"): REFUSED,
    (State.RETIRING, "retire"): State.ARCHIVED,
    (State.RETIRING, "revoke"): State.REVOKED,
    (State.RETIRING, "remove"): (REFUSED, REFUSED, GONE),
    (State.ARCHIVED, "activate"): REFUSED,
    (State.ARCHIVED, "retire"): REFUSED,
    (State.ARCHIVED, "revoke"): State.REVOKED,
    (State.ARCHIVED, "remove"): GONE,
    (State.REVOKED, "activate"): REFUSED,
    (State.REVOKED, "retire"): REFUSED,
    (State.REVOKED, "revoke"): State.REVOKED,
    (State.REVOKED, "remove"): GONE,
}


def test_the_table_names_every_state_and_event() -> None:
    assert set(TABLE) == set(itertools.product(State, EVENTS))


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("state", State)
def test_every_event_in_every_state_at_every_clock(state: State, event: str, clock: str) -> None:
    expected = TABLE[state, event]
    if isinstance(expected, tuple):
        expected = expected[list(CLOCKS).index(clock)]
    keys, (key, other) = ring(state, State.ACTIVE)
    before = msgspec.structs.replace(keys)

    def happen() -> Keyring:
        return EVENTS[event](keys, key.keyid, CLOCKS[clock])

    if expected == REFUSED:
        with pytest.raises(KeyringError) as caught:
            happen()
        assert caught.value.got is not None
    else:
        after = happen()
        found = after.find(key.keyid)
        assert (GONE if found is None else found.state) == expected
        sibling = after.find(other.keyid)
        assert sibling is not None
        activated = (state, event) == (State.PENDING, "activate")
        assert sibling.state is (State.RETIRING if activated else State.ACTIVE)
    assert keys == before


@pytest.mark.parametrize("event", EVENTS)
def test_an_unknown_keyid_is_refused(event: str) -> None:
    keys, _ = ring(State.ACTIVE)
    with pytest.raises(KeyringError, match="no such key"):
        EVENTS[event](keys, "0" * 32, NOW)


def test_activation_retires_the_others_for_the_window_and_leaves_the_rest_alone() -> None:
    keys, (new, first, second, old) = ring(
        State.PENDING, State.ACTIVE, State.ACTIVE, State.RETIRING
    )
    after = activate(keys, new.keyid, now=NOW + 5, window_days=WINDOW)
    active = after.find(new.keyid)
    assert active is not None
    assert (active.state, active.activated_at) == (State.ACTIVE, NOW + 5)
    for key in (first, second):
        found = after.find(key.keyid)
        assert found is not None
        assert (found.state, found.verify_until) == (State.RETIRING, NOW + 5 + WINDOW * DAY)
    assert after.find(old.keyid) == old


@pytest.mark.parametrize(("days", "good"), [(-1, False), (0, True), (3650, True), (3651, False)])
def test_the_window_has_bounds(*, days: int, good: bool) -> None:
    keys, (new, _) = ring(State.PENDING, State.ACTIVE)
    if good:
        activate(keys, new.keyid, now=NOW, window_days=days)
    else:
        with pytest.raises(KeyringError, match="window"):
            activate(keys, new.keyid, now=NOW, window_days=days)


def test_the_only_active_key_is_neither_retired_nor_removed_but_can_be_revoked() -> None:
    keys, (key, _) = ring(State.ACTIVE, State.RETIRING)
    with pytest.raises(KeyringError, match="nothing would sign"):
        retire(keys, key.keyid)
    with pytest.raises(KeyringError, match="still in use"):
        remove(keys, key.keyid, now=NOW)
    assert signers(revoke(keys, key.keyid, now=NOW, reason="leaked"), NOW, dual_verify=True) == ()


def test_the_last_key_is_not_removed() -> None:
    keys, (key,) = ring(State.ARCHIVED)
    with pytest.raises(KeyringError, match="no keys"):
        remove(keys, key.keyid, now=NOW)


def test_removal_below_the_threshold_is_refused() -> None:
    keys, (_, key) = ring(State.ACTIVE, State.ARCHIVED, threshold=2)
    with pytest.raises(KeyringError, match="threshold"):
        remove(keys, key.keyid, now=NOW)


def test_revoking_twice_keeps_the_first_reason() -> None:
    keys, (key,) = ring(State.ACTIVE)
    once = revoke(keys, key.keyid, now=NOW, reason="leaked")
    assert revoke(once, key.keyid, now=NOW + 9, reason="other") is once


def test_rotation_adds_a_pending_key_and_no_other() -> None:
    keys, _ = ring(State.ACTIVE)
    assert example(7) in rotate(keys, example(7)).keys
    for key in (in_state(example(7), State.ACTIVE), example(1)):
        with pytest.raises(KeyringError):
            rotate(keys, key)


@pytest.mark.parametrize(("late", "good"), [(0, True), (CLOCK_SKEW_SECONDS, True), (301, False)])
def test_a_key_from_the_future_is_not_activated(*, late: int, good: bool) -> None:
    key = in_state(example(1), State.PENDING, created_at=NOW + late)
    keys = assemble([key])
    if good:
        activate(keys, key.keyid, now=NOW, window_days=1)
    else:
        with pytest.raises(KeyringError, match="clock"):
            activate(keys, key.keyid, now=NOW, window_days=1)


@pytest.mark.parametrize("from_archive", [False, True])
@pytest.mark.parametrize("dual", [False, True])
@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("state", State)
def test_standing_in_every_state_at_every_clock(
    *, state: State, clock: str, dual: bool, from_archive: bool
) -> None:
    retiring = Standing.COUNTS if dual else Standing.DUAL_VERIFY_OFF
    expected = {
        State.PENDING: Standing.COUNTS_BESIDE_ACTIVE,
        State.ACTIVE: Standing.COUNTS,
        State.RETIRING: Standing.WINDOW_OVER if clock == "after the end" else retiring,
        State.ARCHIVED: Standing.ARCHIVED,
        State.REVOKED: Standing.REVOKED,
    }[state]
    if from_archive and state in {State.RETIRING, State.ARCHIVED}:
        expected = Standing.COUNTS
    key = in_state(example(1), state)
    now = CLOCKS[clock]
    assert standing(key, now, dual_verify=dual, from_archive=from_archive) is expected


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize(("late", "good"), [(CLOCK_SKEW_SECONDS, True), (301, False)])
def test_a_key_from_the_future_is_not_valid_yet(*, state: State, late: int, good: bool) -> None:
    key = in_state(example(1), state, created_at=NOW + late)
    found = standing(key, NOW, dual_verify=True)
    if state is State.REVOKED:
        assert found is Standing.REVOKED
    else:
        assert (found is Standing.NOT_YET_VALID) is not good


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("dual", [False, True])
def test_retiring_keys_sign_beside_the_active_one_within_their_window(
    *, dual: bool, clock: str
) -> None:
    keys, (_, active, retiring, *_) = ring(
        State.PENDING, State.ACTIVE, State.RETIRING, State.ARCHIVED, State.REVOKED
    )
    both = dual and clock != "after the end"
    found = signers(keys, CLOCKS[clock], dual_verify=dual)
    assert found == ((active, retiring) if both else (active,))


def test_retiring_keys_do_not_sign_alone() -> None:
    keys, _ = ring(State.RETIRING, State.PENDING)
    assert signers(keys, NOW, dual_verify=True) == ()


@pytest.mark.parametrize(
    ("after", "late", "refused"),
    [
        (90 * DAY, False, False),
        (90 * DAY + 1, True, False),
        ((90 + KEY_GRACE_DAYS) * DAY, True, False),
        ((90 + KEY_GRACE_DAYS) * DAY + 1, True, True),
    ],
)
def test_an_overdue_key_warns_then_refuses_to_seal_and_always_verifies(
    *, after: int, late: bool, refused: bool
) -> None:
    key = in_state(example(1), State.ACTIVE)
    assert key.activated_at is not None
    now = key.activated_at + after
    assert overdue(key, now, 90) is late
    assert sealing_refused(key, now, 90) is refused
    assert standing(key, now, dual_verify=False) is Standing.COUNTS


def test_age_is_in_whole_days_since_activation_or_creation() -> None:
    assert age_days(in_state(example(1), State.ACTIVE), NOW) == 9
    assert age_days(example(1), NOW) == 10
    assert age_days(example(1), NOW + DAY - 1) == 10
    assert age_days(example(1), NOW - 11 * DAY) == 0


def apply(keys: Keyring, event: str, number: int, now: int) -> Keyring:
    """Do what one event does, or nothing where it is refused."""
    try:
        if event == "rotate":
            return rotate(keys, example(number))
        return EVENTS[event](keys, example(number).keyid, now)
    except KeyringError:
        return keys


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["rotate", *EVENTS]),
            st.integers(1, 4),
            st.integers(0, 40 * DAY),
        ),
        max_size=25,
    )
)
def test_no_sequence_of_events_breaks_the_laws(events: list[tuple[str, int, int]]) -> None:
    keys = assemble([in_state(example(1), State.ACTIVE)])
    revoked: set[str] = set()
    now = NOW
    for event, number, passed in events:
        now += passed
        before, keys = keys, apply(keys, event, number, now)
        if event == "remove":
            revoked &= {key.keyid for key in keys.keys}
        active = [key for key in keys.keys if key.state is State.ACTIVE]
        signing = signers(keys, now, dual_verify=True)
        if event == "activate" and keys is not before:
            assert len(active) == 1
        assert len(active) <= 1
        assert {key.state for key in signing} <= {State.ACTIVE, State.RETIRING}
        assert bool(signing) is bool(active)
        revoked |= {key.keyid for key in keys.keys if key.state is State.REVOKED}
        assert all(key.state is State.REVOKED for key in keys.keys if key.keyid in revoked)
        assert not revoked & set(counted(keys, now))


def counted(keys: Keyring, now: int) -> tuple[str, ...]:
    """Return the keys that count when every key of the keyring has signed well."""

    def good(key: Key, pae: bytes, signature: bytes) -> SignatureVerdict:
        del key, pae, signature
        return SignatureVerdict.GOOD

    everyone = [(key.keyid, b"") for key in keys.keys]
    return judge(PAE, everyone, keyring=keys, now=now, dual_verify=True, verify=good).counted
