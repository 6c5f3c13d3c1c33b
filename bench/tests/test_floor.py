"""The floor hashes what is there, all of it, once: checked against hashlib."""

import functools
import hashlib
import json
import os
import subprocess

import pytest

from bench.corpora import Corpus
from bench.peers import regular_files
from bench.stopwatch import Tools


def _floor(tools: Tools, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([tools.floor, *arguments], capture_output=True, text=True, check=False)


def _expected(corpus: Corpus) -> str:
    digests = []
    for name, _ in regular_files(corpus.root):
        with open(os.path.join(os.fsencode(corpus.root), name), "rb") as file:
            digests.append(int.from_bytes(hashlib.sha256(file.read()).digest()))
    return f"{functools.reduce(int.__xor__, digests):064x}"


@pytest.mark.parametrize("threads", [1, 2, 16])
def test_the_floor_hashes_every_file_once(corpus: Corpus, tools: Tools, threads: int) -> None:
    facts = json.loads(_floor(tools, corpus.root, "--threads", str(threads)).stdout)
    assert (facts["files"], facts["bytes"]) == (corpus.files, corpus.size)
    assert facts["xor"] == _expected(corpus)


def test_many_files_in_one_folder_are_shared_and_none_is_lost(
    tmp_path: os.PathLike[str], tools: Tools
) -> None:
    for number in range(3000):
        with open(os.path.join(tmp_path, f"{number}"), "wb") as file:
            file.write(b"%d" % number)
    outputs = [
        json.loads(line)
        for line in _floor(
            tools, str(tmp_path), "--threads", "8", "--repeat", "20"
        ).stdout.splitlines()
    ]
    assert len(outputs) == 20
    assert {facts["files"] for facts in outputs} == {3000}
    assert len({facts["xor"] for facts in outputs}) == 1


def test_a_changed_byte_changes_the_result(corpus: Corpus, tools: Tools) -> None:
    before = json.loads(_floor(tools, corpus.root, "--threads", "2").stdout)["xor"]
    with open(os.path.join(corpus.root, "one"), "wb") as file:
        file.write(b"2")
    assert json.loads(_floor(tools, corpus.root, "--threads", "2").stdout)["xor"] != before


def test_links_and_fifos_are_not_opened(corpus: Corpus, tools: Tools) -> None:
    os.symlink("one", os.path.join(corpus.root, "link"))
    os.symlink(".", os.path.join(corpus.root, "loop"))
    os.mkfifo(os.path.join(corpus.root, "fifo"))
    facts = json.loads(_floor(tools, corpus.root, "--threads", "2").stdout)
    assert facts["files"] == corpus.files


def test_blake3_is_another_hash(corpus: Corpus, tools: Tools) -> None:
    facts = json.loads(_floor(tools, corpus.root, "--threads", "2", "--algorithm", "blake3").stdout)
    assert facts["files"] == corpus.files
    assert facts["xor"] != _expected(corpus)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        (".",),
        (".", "--threads", "0"),
        (".", "--threads", "2", "--algorithm", "md5"),
        (".", "x"),
    ],
)
def test_wrong_usage_is_refused(tools: Tools, arguments: tuple[str, ...]) -> None:
    done = _floor(tools, *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("usage:")


def test_a_root_that_is_not_there_is_an_error(tmp_path: os.PathLike[str], tools: Tools) -> None:
    done = _floor(tools, os.path.join(tmp_path, "nothing"), "--threads", "2")
    assert done.returncode == 1
    assert "nothing" in done.stderr
