"""Checksums in the form that a watcher keeps say what their JSON says."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.property.trees import NAMES

from duri.errors import MalformedError
from duri.tree import comparison, scan
from duri.tree.digest import sha256

DIGEST_BYTES = {"sha256": 32, "sha512": 64, "blake3": 32}
ESCAPED = st.sampled_from(['a"b', "a\\b", "a\nb", "\x01", "\x7f", "\u202e", "é"])
PATHS = st.lists(NAMES | ESCAPED, min_size=1, max_size=3).map("/".join)


@st.composite
def checksums(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    """Draw an algorithm, and digests by path."""
    algorithm = draw(st.sampled_from(sorted(DIGEST_BYTES)))
    size = DIGEST_BYTES[algorithm]
    found: dict[str, str] = {}
    for path in sorted(draw(st.lists(PATHS, max_size=12, unique=True))):
        parts = path.split("/")
        if not any("/".join(parts[:count]) in found for count in range(1, len(parts))):
            found[path] = draw(st.binary(min_size=size, max_size=size)).hex()
    return algorithm, found


def load(data: bytes, algorithm: str, *, file: bytes | None = None) -> scan.Checksums | None:
    """Load from a file, as the bytes `data`."""
    fd = os.memfd_create("checksums", os.MFD_CLOEXEC)
    try:
        os.write(fd, data if file is None else file)
        os.lseek(fd, 0, os.SEEK_SET)
        return scan.load(fd, size=len(data), sha256=sha256(data), algorithm=algorithm)
    finally:
        os.close(fd)


def written(value: object) -> bytes:
    """Return canonical JSON."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
    return (text + "\n").encode()


@given(drawn=checksums(), others=st.lists(PATHS, max_size=4))
def test_kept_checksums_say_what_their_json_says(
    drawn: tuple[str, dict[str, str]], others: list[str]
) -> None:
    algorithm, expected = drawn
    data = written(expected)
    kept, parsed = load(data, algorithm), comparison.parse(data, algorithm)
    assert kept is not None
    assert len(kept) == len(parsed) == len(expected)
    assert kept.sum_lines() == parsed.sum_lines()
    for path in {*expected, *others}:
        assert kept.digest(path.encode()) == expected.get(path)


@given(drawn=checksums(), at=st.integers(0), byte=st.integers(1, 255))
def test_file_with_one_other_byte_is_not_loaded(
    drawn: tuple[str, dict[str, str]], at: int, byte: int
) -> None:
    algorithm, expected = drawn
    data = written(expected)
    other = bytearray(data)
    other[at % len(data)] ^= byte
    assert load(data, algorithm) is not None
    for file in (bytes(other), data[:-1], data + b"\n", b""):
        assert load(data, algorithm, file=file) is None


@pytest.mark.parametrize("data", [b"", b"{}", b'{\n  "/a": "00"\n}\n', b"{}\n\n"])
def test_file_that_is_not_canonical_is_refused_though_it_is_the_right_one(data: bytes) -> None:
    with pytest.raises(MalformedError):
        load(data, "sha256")
    assert load(b"{}\n", "sha256") is not None


def test_file_that_cannot_be_read_is_an_error() -> None:
    fd = os.open("/", os.O_RDONLY)
    try:
        with pytest.raises(OSError, match="directory"):
            scan.load(fd, size=1, sha256="", algorithm="sha256")
    finally:
        os.close(fd)
