"""Row 16, duri.toml: it can name a keyring, so whoever writes it decides whom to trust."""

from pathlib import Path

import pytest
from tests.attack import releases
from tests.attack.releases import Release, make, new_key, ring_of
from tests.conftest import RunDuri

import duri
from duri import settings
from duri.settings import Settings
from duri.verdict import Kind, Status

CORRUPTED, CHANGED = Status.CORRUPTED, Status.POLICY_CHANGED


@pytest.fixture
def made(tmp_path: Path) -> Release:
    """Return a release that is verified."""
    return make(tmp_path / "app")


@pytest.fixture
def forged(made: Release, tmp_path: Path) -> Release:
    """Return the release, changed and sealed again with a key of the attacker's in the tree."""
    (made.root / "main.py").write_bytes(b"evil\n")
    ring = ring_of(new_key())
    duri.seal(
        made.root, version="1.0.0", product="shop", sequence=100, keyring=ring, now=releases.NOW
    )
    releases.keyring_file(tmp_path / "theirs.json", ring)
    releases.keyring_file(tmp_path / "ours.json", made.ring)
    return made


def test_planted_configuration_that_names_another_keyring_is_not_believed(
    forged: Release, run_duri: RunDuri, tmp_path: Path
) -> None:
    (forged.root / "duri.toml").write_text(f'keyring = "{tmp_path}/theirs.json"\nignore = ["*"]\n')
    for name in ("verify", "gate"):
        ran = run_duri(name, cwd=forged.root, check=13)
        assert "VERIFIED" not in ran.out
        run_duri(name, cwd=forged.root, env={"DURI_KEYRING": f"{tmp_path}/ours.json"}, check=11)
    # The twin: named on purpose, it is believed.
    forged.root.joinpath("duri.toml").rename(tmp_path / "duri.toml")
    run_duri("verify", "--config", tmp_path / "duri.toml", cwd=forged.root, check=12)


def test_planted_link_to_a_configuration_outside_the_root_is_not_believed(
    forged: Release, run_duri: RunDuri, tmp_path: Path
) -> None:
    """The link lies in the tree, so whoever can change the tree chose where it leads."""
    toml = tmp_path / "elsewhere.toml"
    toml.write_text(f'keyring = "{tmp_path}/theirs.json"\nignore = ["duri.toml"]\n')
    link = forged.root / "duri.toml"
    link.symlink_to(toml)
    loaded = settings.load(environ={}, cwd=str(forged.root), verifying=str(forged.root))
    assert (loaded.keyring, loaded.ignored_configuration) == (None, str(link))
    run_duri("gate", cwd=forged.root, check=13)


def test_keyring_in_the_tree_judges_nothing(forged: Release, tmp_path: Path) -> None:
    """Whoever changes the tree would bring the keys that approve of it."""
    planted = forged.root / "keyring.json"
    planted.write_bytes((tmp_path / "theirs.json").read_bytes())
    for path in (planted, tmp_path / "link.json"):
        if path != planted:
            path.symlink_to(planted)
        verdict = duri.verify(forged.root, keyring=path, now=releases.NOW)
        releases.is_refused(verdict, Status.UNVERIFIABLE, Kind.KEYRING_UNUSABLE)
    # The twin: the same file outside judges, and sees what was planted.
    verdict = duri.verify(forged.root, keyring=tmp_path / "theirs.json", now=releases.NOW)
    releases.is_refused(verdict, Status.CORRUPTED, Kind.NEW, "keyring.json")


def test_state_in_the_tree_remembers_nothing(made: Release, tmp_path: Path) -> None:
    for place, status in ((made.root, Status.UNVERIFIABLE), (tmp_path, Status.VERIFIED)):
        given = Settings(state=str(place / "state.json"))
        verdict = duri.verify(made.root, keyring=made.ring, settings=given, now=releases.NOW)
        assert verdict.status is status
        assert (place / "state.json").exists() is (status is Status.VERIFIED)


def test_old_release_for_any_environment_has_the_floor_of_this_one(tmp_path: Path) -> None:
    """The floor is the place's: a release that names no environment is no way around it."""
    ring = ring_of(new_key())
    state = str(tmp_path / "state.json")
    root = tmp_path / "app"
    root.mkdir()
    here = Settings(environment="prod", state=state)
    for sequence, environment, status in (
        (7, "prod", Status.VERIFIED),
        (6, "", Status.TAMPERED),
        (8, "", Status.VERIFIED),
        (7, "prod", Status.TAMPERED),
    ):
        duri.seal(
            root,
            version="1",
            product="shop",
            environment=environment,
            sequence=sequence,
            keyring=ring,
            now=releases.NOW,
        )
        assert duri.verify(root, keyring=ring, settings=here, now=releases.NOW).status is status


def test_configuration_beside_the_root_is_believed(tmp_path: Path) -> None:
    (tmp_path / "duri.toml").write_text('product = "shop"\n')
    (tmp_path / "app").mkdir()
    loaded = settings.load(environ={}, cwd=str(tmp_path), verifying=str(tmp_path / "app"))
    assert (loaded.product, loaded.ignored_configuration) == ("shop", None)
