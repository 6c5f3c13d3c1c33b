"""Clients that do what they should not: none keeps the watcher from answering the others.

Each test ends by asking the probes, which must answer at once, and with the server's end, which
must be a good one with nothing on standard error.
"""

import contextlib
import re
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.watch_http_server import Answer, ServerProcess, everything, serving

PROBES = ("/metrics", "/readyz", "/livez")
SOON = 2.0
"""Seconds; an answer takes about one millisecond, and other tests share this machine."""


def assert_answers_soon(server: ServerProcess) -> None:
    for probe in PROBES:
        began = time.monotonic()
        answer = server.ask(probe)
        assert answer.code == 200, probe
        assert time.monotonic() - began < SOON, probe


@pytest.fixture(scope="module")
def shared() -> Iterator[ServerProcess]:
    """Give one server to all tests that only send it requests."""
    with serving() as process:
        yield process


@pytest.fixture
def server(shared: ServerProcess) -> Iterator[ServerProcess]:
    """Give it, and ask its probes when the test is over."""
    yield shared
    assert_answers_soon(shared)
    assert shared.tell()["failures"] == []  # nor does a client fill the log


@contextlib.contextmanager
def closing(connections: list[socket.socket]) -> Iterator[None]:
    try:
        yield
    finally:
        for connection in connections:
            connection.close()


# What is no request.


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"garbage\r\n\r\n", 400),
        (b"\r\n\r\n\r\n\r\n\r\nx\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32) + b"\r\n\r\n", 400),
        (b"GET /livez\r\n\r\n", 400),
        (b"GET  /livez HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\n\r\n", 400),  # no Host
        (b"GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n no: folding\r\nX\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", 431),
        (b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"a:b\r\n" * 10_000, 431),
        (b"x" * 40_000, 431),
    ],
)
def test_what_is_no_request_is_refused_and_ends_the_connection(
    server: ServerProcess, data: bytes, code: int
) -> None:
    answer = server.send(data)
    # With more than was read still under way, the kernel may throw the answer away.
    assert answer.code == code or (len(data) > 16_000 and answer.raw == b"")


def test_a_proper_request_of_the_same_kind_is_answered(server: ServerProcess) -> None:
    data = b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: " + b"x" * 8000 + b"\r\n\r\n"
    assert server.send(data).code == 200


@pytest.mark.parametrize("target", ["/%00", "/%ff", "/?%00=%ff", "/?" + "&" * 5000, "/?lang=%00"])
def test_odd_bytes_in_targets_do_no_harm(server: ServerProcess, target: str) -> None:
    assert server.ask(target).code in {200, 404}


def test_http_1_0_is_answered_and_closed(server: ServerProcess) -> None:
    answer = server.send(b"GET /livez HTTP/1.0\r\n\r\n")
    assert (answer.code, answer.body) == (200, b"alive\n")


def test_http_1_0_gets_events_too(server: ServerProcess) -> None:
    with server.connect() as connection:
        connection.sendall(b"GET /events HTTP/1.0\r\n\r\n")
        got = b""
        while b"data: 1" not in got:
            got += connection.recv(4096)
        assert b"chunked" not in got


def test_an_upgrade_is_not_made(server: ServerProcess) -> None:
    answer = server.ask(
        "/livez", Upgrade="websocket", Sec_WebSocket_Key="x", Sec_WebSocket_Version="13"
    )
    assert answer.code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 5\r\n\r\nhello",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"Content-Length: 99999999999999\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    ],
)
def test_a_body_is_not_read_and_ends_the_connection(server: ServerProcess, body: bytes) -> None:
    answer = server.send(b"GET /livez HTTP/1.1\r\nHost: a\r\n" + body)
    assert (answer.code, answer.body) == (200, b"alive\n")  # and nothing behind it
    assert answer.headers["connection"] == "close"


def test_a_body_that_is_none_is_refused_once(server: ServerProcess) -> None:
    body = (
        b"Transfer-Encoding: chunked\r\n\r\nno chunk\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    )
    assert codes(server.send(b"GET /livez HTTP/1.1\r\nHost: a\r\n" + body).raw) == [400]


def test_an_empty_body_keeps_the_connection(server: ServerProcess) -> None:
    request = b"GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
    last = b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    assert server.send(request + last).raw.count(b"HTTP/1.1 200") == 2


def test_pipelined_requests_are_answered_in_their_order(server: ServerProcess) -> None:
    targets = [b"/livez", b"/readyz", b"/nothing"] * 200
    data = b"".join(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % target for target in targets)
    last = b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    raw = server.send(data + last).raw
    assert codes(raw) == [200, 200, 404] * 200 + [200]


def codes(raw: bytes) -> list[int]:
    return [int(code) for code in re.findall(rb"HTTP/1\.1 ([0-9]{3})", raw)]


def test_garbage_behind_a_request_ends_the_connection_after_its_answer(
    server: ServerProcess,
) -> None:
    raw = server.send(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n\x00garbage\r\n\r\n").raw
    assert codes(raw) == [200, 400]


def test_clients_that_vanish_do_no_harm(server: ServerProcess) -> None:
    for sent in (b"", b"GET ", b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n"):
        for _ in range(20):
            connection = server.connect()
            connection.sendall(sent)
            # A reset instead of a proper end.
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.close()


# Many, and slow ones.


def test_a_thousand_idle_connections_keep_nobody_out() -> None:
    with serving() as server:
        assert_answers_soon(server)
        before = server.memory
        connections: list[socket.socket] = []
        with closing(connections):
            connections += [server.connect() for _ in range(1000)]
            assert_answers_soon(server)
            for number in (0, 500, 999):
                with contextlib.suppress(ConnectionError):
                    connections[number].sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
            # The newest still lives: the oldest had to go.
            assert b" 200 " in connections[999].recv(4096)
            assert connections[0].recv(4096) == b""
            assert server.descriptors < 300
        assert server.memory - before < 16 * 1024 * 1024


def test_more_connections_than_descriptors_keep_nobody_out() -> None:
    with serving(descriptors=128) as server:
        connections: list[socket.socket] = []
        with closing(connections):
            for _ in range(10):
                connections += [server.connect() for _ in range(100)]
                assert_answers_soon(server)
            assert server.descriptors < 80


def test_open_requests_and_streams_make_room_only_after_idle_connections() -> None:
    with serving(descriptors=80) as server:  # so 20 connections
        connections: list[socket.socket] = []
        with closing(connections):
            page, half = server.connect(), server.connect()
            connections += [page, half]
            page.sendall(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
            while b"data: 1" not in page.recv(4096):
                pass
            half.sendall(b"GET /livez HTTP/1.1\r\n")
            for _ in range(60):
                connections.append(server.connect())
                assert server.ask("/livez").code == 200
            half.sendall(b"Host: a\r\n\r\n")
            assert b" 200 " in half.recv(4096)
            server.tell(status="verified")
            assert b"data: 2" in page.recv(4096)


def test_a_request_that_comes_byte_by_byte_is_closed_in_time() -> None:
    with serving(seconds={"REQUEST_SECONDS": 1.0, "SWEEP_SECONDS": 0.1}) as server:
        for sent in (b"", b"GET /livez HTTP/1.1\r\nX: "):
            with server.connect() as connection:
                began = time.monotonic()
                connection.sendall(sent)
                connection.settimeout(0.2)
                got = drip(connection, until=began + 20) if sent else b""
                connection.settimeout(20)
                got += everything(connection)
                assert 0.9 < time.monotonic() - began < 10
                assert Answer(got).code == (408 if sent else 0)
        with server.connect() as connection:  # in time, in two pieces
            connection.sendall(b"GET /livez HTTP/1.1\r\n")
            time.sleep(0.3)
            connection.sendall(b"Host: a\r\nConnection: close\r\n\r\n")
            assert Answer(everything(connection)).code == 200
        assert_answers_soon(server)


def drip(connection: socket.socket, *, until: float) -> bytes:
    """Send a byte from time to time, until the other side says something."""
    while time.monotonic() < until:
        with contextlib.suppress(TimeoutError):
            return connection.recv(4096)
        connection.sendall(b"x")
    return b""


def test_a_second_request_has_its_own_time_on_a_kept_connection() -> None:
    short = {"REQUEST_SECONDS": 1.0, "SWEEP_SECONDS": 0.1}
    with serving(seconds=short) as server, server.connect() as connection:
        for _ in range(3):
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
            while b"alive" not in connection.recv(4096):
                pass
            time.sleep(0.6)  # idle, which is not the request's time
        connection.sendall(b"GET /li")
        assert Answer(everything(connection)).code == 408


SHORT = {"STALL_SECONDS": 1.0, "CLOSE_SECONDS": 1.0, "SWEEP_SECONDS": 0.1}


def test_slow_readers_of_a_large_status_cost_little_and_are_dropped() -> None:
    with serving(seconds=SHORT) as server:
        server.tell(status="corrupted", findings=10_000)
        target = "/api/v1/status?findings=10000"
        whole = server.ask(target)
        assert len(whole.body) > 4_000_000
        assert len(whole.body) == int(whole.headers["content-length"])
        before = server.memory
        connections: list[socket.socket] = []
        with closing(connections):
            for _ in range(100):
                connection = server.connect()
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.sendall(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                connections.append(connection)
            assert server.ask("/livez").code == 200
            # A hundred whole answers would be 500 MB.
            assert server.memory - before < 48 * 1024 * 1024
            assert eventually(lambda: server.descriptors < 40)
            assert len(everything(connections[0])) < len(whole.body)
        again = server.ask(target)
        assert again.body == whole.body


def test_a_page_that_does_not_read_is_told_the_newest_or_dropped() -> None:
    with serving(seconds=SHORT, heartbeat=0.01) as server:
        with server.connect() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
            before = server.memory
            for _ in range(200):
                server.tell(status="verified")
            assert server.memory - before < 8 * 1024 * 1024
        assert_answers_soon(server)


def eventually(holds: object, *, seconds: float = 20.0) -> bool:
    assert callable(holds)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.1)
    return False


def test_memory_stays_flat_over_many_requests() -> None:
    with serving() as server:
        server.tell(status="corrupted", findings=200)

        def burst() -> None:
            for _ in range(150):
                for target in (*PROBES, "/", "/api/v1/status", "/nothing"):
                    server.ask(target)
                server.send(b"garbage\r\n\r\n")

        burst()
        before = server.memory
        burst()
        assert server.memory - before < 2 * 1024 * 1024
        assert server.descriptors < 20


def test_an_idle_server_with_open_pages_costs_next_to_nothing() -> None:
    with serving() as server:
        pages = [server.connect() for _ in range(20)]
        with closing(pages):
            for page in pages:
                page.sendall(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
                assert page.recv(4096)
            before = ticks(server)
            time.sleep(3)
            # In hundredths of a second: 5 of 300.
            assert ticks(server) - before <= 5


def ticks(server: ServerProcess) -> int:
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
