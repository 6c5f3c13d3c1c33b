"""What crash tests share."""

from pathlib import Path

import pytest
from tests.conftest import Tree
from tests.crash.place import NODES, Place, make


@pytest.fixture
def place(tmp_path: Path, tree: Tree) -> Place:
    """Return a root that was never sealed, in a folder of its own."""
    return make(tmp_path, tree(NODES))
