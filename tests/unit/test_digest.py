"""The core's SHA-256 is the standard library's, and is there when it is asked for."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duri.tree.digest import Digests, sha256


@given(st.binary(max_size=300))
def test_digest_is_that_of_the_standard_library(data: bytes) -> None:
    assert sha256(data) == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("size", [0, 1, 55, 56, 63, 64, 65, (1 << 20) - 1, 1 << 20, 3 << 20])
def test_digests_of_small_and_large_buffers_are_right(size: int) -> None:
    buffers = {"a": b"a" * size, "b": b"b" * size}
    digests = Digests(buffers)
    for _ in range(2):
        for name, data in buffers.items():
            assert digests[name] == hashlib.sha256(data).hexdigest()


def test_unknown_name_has_no_digest() -> None:
    with pytest.raises(KeyError):
        Digests({})["a"]
