"""A small tree, and the two programs of `bench/floor`, built once."""

import os

import pytest

from bench import stopwatch
from bench.__main__ import CHECKOUT
from bench.corpora import Corpus, survey


@pytest.fixture
def corpus(tmp_path: os.PathLike[str]) -> Corpus:
    """Return a tree with the cases that matter: empty, larger than a read, links, odd names."""
    root = os.path.join(tmp_path, "tree")
    os.makedirs(os.path.join(root, "a", "b", "c"))
    contents = {
        "empty": b"",
        "one": b"1",
        "a/two": b"22" * 5000,
        "a/b/large": bytes(range(256)) * 4096,
        "a/b/c/space in name": b"content",
    }
    for name, content in contents.items():
        with open(os.path.join(root, name), "wb") as file:
            file.write(content)
    return survey("tiny", root=root)


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> stopwatch.Tools:
    """Return the built programs, in the benchmark's own folder so that cargo builds them once."""
    workdir = os.path.join(CHECKOUT, ".bench")
    os.makedirs(workdir, exist_ok=True)
    built = stopwatch.build(checkout=CHECKOUT, workdir=workdir)
    output = str(tmp_path_factory.mktemp("stopwatch") / "output")
    return stopwatch.Tools(floor=built.floor, stopwatch=built.stopwatch, output=output)
