"""A sealed release under watch: the fixtures that tests of `duri watch` have in common.

A module that watches otherwise says so by a `watch_options` of its own.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tests.conftest import RunDuri, Tree
from tests.integration.holding import Looks
from tests.integration.shop import Shop
from tests.integration.watching import Watcher, sealed, watching


@pytest.fixture
def shop(tree: Tree, run_duri: RunDuri) -> Shop:
    """Return a release that is sealed, with its keyring beside it."""
    return sealed(tree, run_duri)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return where a watcher works."""
    path = tmp_path / "home"
    path.mkdir()
    return path


@pytest.fixture
def watch_options() -> Sequence[str | os.PathLike[str]]:
    """Return what `watcher` is started with beside the keyring."""
    return ()


@pytest.fixture
def watcher(
    shop: Shop, home: Path, watch_options: Sequence[str | os.PathLike[str]]
) -> Iterator[Watcher]:
    """Return a watcher over the shop that has found it verified."""
    with watching(shop.root, "--keyring", shop.keyring, *watch_options, home=home) as started:
        started.until_status("verified")
        yield started


@pytest.fixture
def looks(tmp_path: Path) -> Looks:
    """Return what is asked of a watcher's looks."""
    return Looks(tmp_path / "looks")
