"""The text of `--listen`: what it takes, what it refuses, and what a failed bind says."""

import errno
import resource

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duri.errors import UsageError
from duri.watch.http import connections
from duri.watch.http.listen import Listen, bind, parse, reason, url
from duri.watch.http.server import affordable


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:9101", "127.0.0.1", 9101),
        ("0.0.0.0:0", "0.0.0.0", 0),  # noqa: S104 - parsed, not bound
        ("localhost:9101", "127.0.0.1", 9101),
        (":9101", "", 9101),
        ("[::1]:9101", "::1", 9101),
        ("[::]:65535", "::", 65535),
        (" 127.0.0.1:9101\n", "127.0.0.1", 9101),
    ],
)
def test_an_address_is_read(text: str, host: str, port: int) -> None:
    assert parse(text) == Listen(host=host, port=port)


@pytest.mark.parametrize("text", ["none", "None", " none "])
def test_none_is_not_to_listen(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "9101",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:\uff19101",
        "127.0.0.256:9101",
        "127.1:9101",
        "::1:9101",
        "[127.0.0.1]:9101",
        "[]:9101",
        "[::1]",
        "[::1]9101",
        "example.org:9101",
        "http://127.0.0.1:9101",
        "unix:/run/duri",
        "no",
    ],
)
def test_anything_else_is_refused_with_what_is_expected(text: str) -> None:
    with pytest.raises(UsageError, match=r"expected HOST:PORT .*:9101 for all addresses; or none"):
        parse(text)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse(text)
    except UsageError:
        return
    assert found is None or 0 <= found.port <= 65535


def test_a_free_port_is_bound_and_shown() -> None:
    with bind(Listen(host="127.0.0.1", port=0)) as bound:
        assert url(bound) == f"http://127.0.0.1:{bound.getsockname()[1]}/"
        taken = Listen(host="127.0.0.1", port=bound.getsockname()[1])
        with pytest.raises(OSError) as caught:  # noqa: PT011 - the number is checked
            bind(taken)
        assert caught.value.errno == errno.EADDRINUSE
        assert reason(taken, caught.value).startswith(f"port {taken.port} is taken; ")


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EADDRNOTAVAIL, "no interface has the address 10.0.0.1; is the network up?"),
        (errno.EACCES, "port 80 needs a right that is missing; choose one above 1023"),
        (errno.ENOBUFS, "cannot listen on 10.0.0.1:80: No buffer space available"),
    ],
)
def test_what_keeps_an_address_from_being_bound_is_said(number: int, said: str) -> None:
    error = OSError(number, "No buffer space available")
    assert reason(Listen(host="10.0.0.1", port=80), error) == said


def test_connections_leave_descriptors_to_the_scan() -> None:
    assert affordable(descriptors=128) == 32
    assert affordable(descriptors=1024) == affordable(descriptors=10**6)
    assert affordable(descriptors=1024) == connections.MAX_CONNECTIONS
    assert affordable(descriptors=resource.RLIM_INFINITY) == connections.MAX_CONNECTIONS
    assert affordable(descriptors=3) == 1
    assert 1 <= affordable() <= connections.MAX_CONNECTIONS
