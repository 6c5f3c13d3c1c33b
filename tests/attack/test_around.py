"""Rows 34 to 37 and 39: the clock, the wrong root, and what lies outside of what is sealed."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.attack import releases
from tests.attack.releases import (
    LATER,
    NOW,
    Release,
    is_refused,
    is_verified,
    make,
    new_key,
    resign,
    ring_of,
)
from tests.conftest import RunDuri, require

import duri
from duri import times
from duri.errors import SealRefusedError
from duri.evidence import canonical, witness
from duri.evidence.keys.keyring import State, parse
from duri.limits import CLOCK_SKEW_SECONDS
from duri.settings import Settings
from duri.verdict import Kind, Status

UNVERIFIABLE = Status.UNVERIFIABLE
DOCUMENTS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def made(tmp_path: Path) -> Release:
    """Return a release that is verified."""
    return make(tmp_path / "app")


# Row 34, as far as it goes without watch: another root than the release's gives no verdict.


def test_root_without_artifacts_is_unverifiable(made: Release, tmp_path: Path) -> None:
    """What a sidecar sees that scans a copy of the files, made before they were sealed."""
    image = tmp_path / "image"
    shutil.copytree(made.root, image, ignore=shutil.ignore_patterns(".duri"))
    is_refused(duri.verify(image, keyring=made.ring), UNVERIFIABLE, Kind.ARTIFACTS_MISSING)
    is_verified(made.verify())


# Row 36.


def test_clock_set_back_behind_what_was_seen_is_unverifiable(made: Release, tmp_path: Path) -> None:
    state = str(tmp_path / "state.json")
    is_verified(made.verify(state=state, now=LATER + times.DAY))
    is_refused(made.verify(state=state), UNVERIFIABLE, Kind.CLOCK_BEHIND)
    is_verified(made.verify(state=state, now=LATER + times.DAY - CLOCK_SKEW_SECONDS))
    assert witness.read(state).last_seen == LATER + times.DAY, "it never goes back"


def test_clock_set_back_revives_no_retired_key(tmp_path: Path) -> None:
    old, new = new_key(), new_key()
    made = make(tmp_path / "app", ring_of(old))
    newer = make(tmp_path / "newer", ring_of(new), product="other")
    ring = ring_of(releases.retiring(old, until=LATER), new)
    state = str(tmp_path / "state.json")
    after = LATER + times.DAY
    is_verified(newer.verify(ring, state=state, now=after))
    is_refused(made.verify(ring, state=state, now=after), Status.TAMPERED, Kind.SIGNATURE_UNTRUSTED)
    is_refused(made.verify(ring, state=state, now=LATER), UNVERIFIABLE, Kind.CLOCK_BEHIND)
    is_verified(made.verify(ring, now=LATER))


def test_clock_set_back_revives_no_expired_authorisation(made: Release, tmp_path: Path) -> None:
    state = str(tmp_path / "state.json")
    permission = tmp_path / "permission"
    permission.write_bytes(releases.rollback_permission(made, made.ring.keys[0], expires_at=LATER))
    told: dict[str, Any] = {
        "state": state,
        "minimum_sequence": 101,
        "authorization": str(permission),
    }
    is_verified(made.verify(now=LATER, **told))
    newer = make(tmp_path / "newer", made.ring, sequence=102)
    is_verified(newer.verify(now=LATER + times.DAY, state=state))
    is_refused(made.verify(now=LATER + times.DAY, **told), Status.TAMPERED, Kind.BELOW_FLOOR)
    is_refused(made.verify(now=LATER, **told), UNVERIFIABLE, Kind.CLOCK_BEHIND)


def test_clock_before_the_signature_is_unverifiable(made: Release) -> None:
    is_refused(made.verify(now=NOW - 2 * CLOCK_SKEW_SECONDS), UNVERIFIABLE, Kind.CLOCK_BEHIND)
    is_verified(made.verify(now=NOW - CLOCK_SKEW_SECONDS))


def test_clock_before_the_key_was_made_is_unverifiable(made: Release) -> None:
    late = msgspec.structs.replace(made.ring.keys[0], created_at=LATER + times.DAY)
    is_refused(made.verify(ring_of(late)), UNVERIFIABLE, Kind.CLOCK_BEHIND)
    is_verified(made.verify(ring_of(late), now=LATER + times.DAY))


@pytest.mark.parametrize("last_seen", [-1, 2**63, times.MAX_TIME + 1, 10**30])
def test_state_with_an_impossible_time_is_unverifiable(
    made: Release, tmp_path: Path, last_seen: int
) -> None:
    state = tmp_path / "state.json"
    state.write_bytes(canonical.encode(witness.Witness(last_seen=last_seen)))
    is_refused(made.verify(state=str(state)), UNVERIFIABLE, Kind.STATE_UNUSABLE)
    state.write_bytes(canonical.encode(witness.Witness(last_seen=LATER)))
    is_verified(made.verify(state=str(state)))


def test_state_that_cannot_be_kept_is_unverifiable(made: Release, tmp_path: Path) -> None:
    """A floor that is not kept is no floor."""
    state = str(tmp_path / "no" / "such" / "folder" / "state.json")
    is_refused(made.verify(state=state), UNVERIFIABLE, Kind.STATE_UNUSABLE)
    (tmp_path / "link").symlink_to(tmp_path / "target")
    is_refused(made.verify(state=str(tmp_path / "link")), UNVERIFIABLE, Kind.STATE_UNUSABLE)
    assert not (tmp_path / "target").exists()
    is_verified(made.verify(state=str(tmp_path / "state.json")))


@pytest.mark.parametrize("name", ["state", "authorization", "keyring"])
@pytest.mark.parametrize("kind", ["fifo", "folder", "device"])
def test_what_the_verifier_is_given_never_blocks_it(
    made: Release, tmp_path: Path, run_duri: RunDuri, name: str, kind: str
) -> None:
    path = tmp_path / "given"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path = Path("/dev/zero")
    ring = releases.keyring_file(tmp_path / "k.json", made.ring)
    given: list[str | Path] = ["verify", made.root, f"--{name}", path, "--minimum-sequence", "101"]
    if name != "keyring":
        given += ["--keyring", ring]
    ran = run_duri(*given, timeout=20)
    assert ran.code in {11, 13}, ran
    assert "unexpected failure" not in ran.err


# Row 37.


def test_seal_lists_what_the_entry_point_loads_from_outside(tmp_path: Path) -> None:
    root = tmp_path / "app"
    root.mkdir()
    (root / "serve").write_text(f"#!{os.path.realpath(sys.executable)}\nprint('hello')\n")
    (root / "text").write_text("hello\n")

    def outside(entry_point: str) -> tuple[str, ...]:
        ring = ring_of(new_key())
        done = duri.seal(root, version="1", keyring=ring, entry_point=entry_point, now=NOW)
        return done.outside

    loaded = outside("serve")
    assert os.path.realpath(sys.executable) in loaded
    assert os.path.realpath(os.path.dirname(os.__file__)) in loaded
    assert any("libc.so" in path or "musl" in path for path in loaded)
    assert outside("text") == (), "the twin: what loads nothing lists nothing"


def test_what_the_entry_point_loads_from_inside_is_not_listed(tmp_path: Path) -> None:
    root = tmp_path / "app"
    root.mkdir()
    shutil.copy(require("true"), root / "interpreter")
    (root / "serve").write_text(f"#!{root}/interpreter\n")
    done = duri.seal(root, version="1", keyring=ring_of(new_key()), entry_point="serve", now=NOW)
    assert done.outside
    assert not [path for path in done.outside if path.startswith(str(root))]


# Row 39.


def test_threat_model_says_what_no_file_check_can_see() -> None:
    text = (DOCUMENTS / "threat-model.md").read_text("utf-8")
    for said in ("fs-verity", "read-only", "admission", "kernel", "in memory"):
        assert said in text, said


# A keyring in the tree would let whoever changes the tree decide whom to trust.


@pytest.mark.parametrize("name", ["keyring.json", ".hidden/keyring.json"])
def test_keyring_inside_the_tree_is_not_sealed_with_it(tmp_path: Path, name: str) -> None:
    root = tmp_path / "app"
    path = root / name
    path.parent.mkdir(parents=True)
    (root / "a").write_bytes(b"a")
    ring = ring_of(new_key())
    releases.keyring_file(path, ring)
    link = tmp_path / "link.json"
    link.symlink_to(path)
    for given in (path, link):
        with pytest.raises(duri.DuriError, match="the keyring lies inside the tree"):
            duri.seal(root, version="1", keyring=given, now=NOW)
    assert not (root / ".duri").exists()
    outside = tmp_path / "keyring.json"
    path.rename(outside)
    duri.seal(root, version="1", keyring=outside, now=NOW)


@pytest.mark.parametrize("way", ["ignored", "led to from outside", "behind a link in the tree"])
def test_keyring_that_no_verifier_would_use_seals_nothing(tmp_path: Path, way: str) -> None:
    """Ignored, it is not sealed with the tree; whoever changes the tree changes it all the same."""
    root = tmp_path / "app"
    inside, outside, link = root / "private" / "k.json", tmp_path / "k.json", tmp_path / "link.json"
    inside.parent.mkdir(parents=True)
    releases.keyring_file(outside, ring_of(new_key()))
    named = inside
    if way == "behind a link in the tree":
        inside.symlink_to(outside)
    else:
        shutil.copy2(outside, inside)
    if way == "led to from outside":
        link.symlink_to(inside)
        named = link
    policy = Settings(ignore=("/private/",))
    with pytest.raises(SealRefusedError, match="no verification uses it") as refused:
        duri.seal(root, version="1", keyring=named, settings=policy, now=NOW)
    assert (refused.value.where, refused.value.exit_code) == (str(named), 13)
    assert "Move it out of the root" in str(refused.value)
    assert not (root / ".duri").exists()
    # The twin: the same keys from outside seal the same tree, and the copy in it judges nothing.
    duri.seal(root, version="1", keyring=outside, settings=policy, now=NOW)
    for keyring, status in ((outside, Status.VERIFIED), (named, Status.UNVERIFIABLE)):
        verdict = duri.verify(root, keyring=keyring, settings=policy, now=NOW)
        assert verdict.status is status


def test_keyring_that_lies_in_the_tree_is_not_found_unless_it_is_named(
    made: Release, run_duri: RunDuri
) -> None:
    releases.keyring_file(made.root / "keyring.json", made.ring)
    run_duri("verify", cwd=made.root, check=13)


def test_key_that_is_long_overdue_still_verifies(made: Release) -> None:
    """A forgotten rotation must not take production down."""
    is_verified(made.verify(now=NOW + 20 * 365 * times.DAY))
    with pytest.raises(duri.DuriError, match="long overdue"):
        duri.seal(
            made.root,
            version="2",
            keyring=made.ring,
            settings=Settings(rotation_period_days=90),
            now=NOW + 200 * times.DAY,
        )


def test_revoking_the_only_key_leaves_nothing_verified(made: Release) -> None:
    key = releases.revoked(made.ring.keys[0])
    assert key.state is State.REVOKED
    resign(made)
    is_refused(made.verify(ring_of(key)), Status.TAMPERED, Kind.SIGNATURE_UNTRUSTED)


def test_keyring_file_is_never_readable_by_others(tmp_path: Path) -> None:
    key = new_key()
    before = os.umask(0)
    try:
        path = releases.keyring_file(tmp_path / "keyring.json", ring_of(key))
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert parse(path.read_bytes(), prod=True).keyring == ring_of(key)
    assert list(tmp_path.iterdir()) == [path]
