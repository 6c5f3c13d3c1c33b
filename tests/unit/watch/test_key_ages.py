"""The keys of a keyring beside their ages."""

import msgspec
from tests.unit.keys.examples import NOW, ring

from duri.evidence.keys.keyring import State
from duri.times import DAY
from duri.watch import key_ages
from duri.watch.snapshot import KeyAge


def test_every_key_is_there_what_signs_first() -> None:
    states = [State.REVOKED, State.ARCHIVED, State.RETIRING, State.PENDING, State.ACTIVE]
    keyring, keys = ring(*states)
    ages = key_ages.ages(keyring, now=NOW, period_days=90)
    assert [age.state for age in ages] == ["active", "pending", "retiring", "archived", "revoked"]
    assert {age.keyid for age in ages} == {key.keyid for key in keys}
    by_state = {age.state: age for age in ages}
    assert by_state["active"] == KeyAge(
        keyid=keys[4].keyid,
        name=keys[4].name,
        algorithm="hmac-sha256",
        state="active",
        age_days=9,
        due=False,
    )
    assert by_state["pending"].age_days == 10


def test_only_an_active_key_past_its_period_is_due() -> None:
    keyring, _ = ring(State.ACTIVE, State.RETIRING, State.PENDING)
    later = NOW + 1000 * DAY
    ages = key_ages.ages(keyring, now=later, period_days=90)
    assert {age.state for age in ages if age.due} == {"active"}
    assert key_ages.rotation_due(ages)
    edge = NOW + 81 * DAY
    assert not key_ages.rotation_due(key_ages.ages(keyring, now=edge, period_days=90))
    assert key_ages.rotation_due(key_ages.ages(keyring, now=edge + 1, period_days=90))
    assert not key_ages.rotation_due(())


def test_no_key_material_is_in_it() -> None:
    keyring, keys = ring(State.ACTIVE)
    secret = keys[0].secret
    assert secret is not None
    shown = msgspec.json.encode(key_ages.ages(keyring, now=NOW, period_days=90))
    assert b"\x01" * 8 not in shown
    assert b"AQEBAQ" not in shown
