"""What crash tests share."""

import compileall
import os
from pathlib import Path

import pytest
from tests.conftest import Tree
from tests.crash.place import NODES, Place, make

import duri


@pytest.fixture
def place(tmp_path: Path, tree: Tree) -> Place:
    """Return a root that was never sealed, in a folder of its own."""
    return make(tmp_path, tree(NODES))


@pytest.fixture(scope="session", autouse=True)
def compiled() -> None:
    """Compile the product first: who writes byte code meanwhile shifts which call is which."""
    compileall.compile_dir(os.path.dirname(duri.__file__), quiet=2)
