"""`duri status`: what it says and how it ends, whatever answers."""

import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from tests.conftest import Ran, RunDuri
from tests.integration.watch_http_server import ServerProcess, serving


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    """Give a watcher's server; each test tells it what it needs."""
    with serving() as process:
        yield process


def status(run_duri: RunDuri, server: ServerProcess, *flags: str) -> Ran:
    return run_duri("status", "--url", server.heard["address"], *flags)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("verified", 0),
        ("corrupted", 10),
        ("tampered", 11),
        ("policy_changed", 12),
        ("unverifiable", 13),
    ],
)
def test_the_exit_code_is_the_statuss(
    run_duri: RunDuri, server: ServerProcess, name: str, code: int
) -> None:
    server.tell(status=name)
    ran = status(run_duri, server)
    assert (ran.code, ran.err) == (code, "")
    assert ran.out.startswith(f"{name.upper()}  ")
    assert "Release shop 1.4.2" in ran.out
    assert " since 2026-11-18T11:06:41Z\n" in ran.out
    assert "Last scan 2026-11-18T11:07:30Z, next 2026-11-18T11:12:30Z\n" in ran.out


def test_before_the_first_scan_there_is_no_status(run_duri: RunDuri, server: ServerProcess) -> None:
    server.tell(status=None)
    ran = status(run_duri, server)
    assert ran.code == 13
    assert ran.out.startswith("NO STATUS YET  the first scan of /srv/app has not ended\n")


def test_a_stuck_watcher_has_no_status(run_duri: RunDuri, server: ServerProcess) -> None:
    server.tell(status="verified", stuck="no pass has ended for 900 s")
    try:
        ran = status(run_duri, server)
        assert ran.code == 13
        assert ran.out.startswith(
            "UNVERIFIABLE  the watcher's scans are stuck: no pass has ended for 900 s\n"
        )
        ran = status(run_duri, server, "--json")
        assert (ran.code, json.loads(ran.out)["status"]) == (13, "verified")
        assert "stuck" in ran.err
    finally:
        server.tell(stuck=None)


def test_findings_are_listed_and_counted(run_duri: RunDuri, server: ServerProcess) -> None:
    server.tell(status="corrupted", findings=1200)
    few = status(run_duri, server)
    assert "app/000000" in few.out
    assert "app/000050" not in few.out
    assert "1,200 findings in all" in few.out
    every = status(run_duri, server, "--all")
    assert "app/001199" in every.out
    assert "in all" not in every.out


def test_json_is_the_watchers_document(run_duri: RunDuri, server: ServerProcess) -> None:
    server.tell(status="corrupted", findings=2)
    ran = status(run_duri, server, "--json")
    assert ran.code == 10
    assert json.loads(ran.out) == server.ask("/api/v1/status").json


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "127.0.0.1:9101", "http://x:y", ""])
def test_a_wrong_url_is_wrong_usage(run_duri: RunDuri, url: str) -> None:
    ran = run_duri("status", "--url", url)
    assert ran.code == 2
    assert "expected http://HOST:PORT, such as http://127.0.0.1:9101" in ran.err


def test_where_nobody_answers_there_is_no_verdict(run_duri: RunDuri) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    ran = run_duri("status", "--url", f"http://127.0.0.1:{port}")
    assert (ran.code, ran.out) == (13, "")
    assert "no watcher answers: connection refused. Check that `duri watch` runs" in ran.err


def test_an_answer_without_the_one_about_its_life_is_no_verdict(
    run_duri: RunDuri, server: ServerProcess
) -> None:
    server.tell(status="verified")
    with answering(ok(server.ask("/api/v1/status").body)) as url:
        assert run_duri("status", "--url", url).code == 13


def test_proxies_of_the_environment_take_no_part(run_duri: RunDuri, server: ServerProcess) -> None:
    server.tell(status="verified")
    env = {"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    assert run_duri("status", "--url", server.heard["address"], env=env).code == 0


# Answers of others.


@contextlib.contextmanager
def answering(*answers: bytes, forever: bytes = b"") -> Iterator[str]:
    """Answer each request with the next bytes, then with more of `forever`; give the URL."""
    ended = threading.Event()

    def serve(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                for answer in answers:
                    connection.recv(65536)
                    connection.sendall(answer)
                while forever and not ended.is_set():
                    connection.sendall(forever)
                    time.sleep(0 if len(forever) > 1 else 0.1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            ended.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x1b[2Jgarbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 1000 + b"\r\n",
        ok(b"<html>\x1b[2J</html>"),
        ok(b'{"status": "verified", "exit_code": 0}'),
    ],
)
def test_what_is_no_watchers_answer_is_no_verdict(run_duri: RunDuri, answer: bytes) -> None:
    with answering(answer) as url:
        ran = run_duri("status", "--url", url)
    assert (ran.code, ran.out) == (13, "")
    assert ran.err.startswith(f"duri: {url}: ")
    assert "unexpected failure" not in ran.err
    assert ran.err[:-1].isprintable()


def test_an_answer_without_end_is_cut_by_its_size(run_duri: RunDuri) -> None:
    with answering(b"HTTP/1.1 200 OK\r\n\r\n", forever=b" " * 65536) as url:
        ran = run_duri("status", "--url", url)
    assert ran.code == 13
    assert "an answer of more than 16,777,216 bytes" in ran.err


def test_an_answer_without_end_is_cut_by_time(run_duri: RunDuri) -> None:
    began = time.monotonic()
    with answering(b"HTTP/1.1 200 OK\r\n\r\n", forever=b" ") as url:
        ran = run_duri("status", "--url", url)
    assert ran.code == 13
    assert "no whole answer in 10 s" in ran.err
    assert time.monotonic() - began < 30


def test_a_hostile_document_does_nothing_to_a_terminal(
    run_duri: RunDuri, server: ServerProcess
) -> None:
    server.tell(status="corrupted", findings=1)
    document = server.ask("/api/v1/status").json
    evil = "\x1b]0;owned\x07\u202e\x9b31m"
    document["verdict"]["release"]["product"] = evil
    document["verdict"]["checked_at"] = evil
    document["verdict"]["root"] = document["root"] = "/srv/\u202eevil"
    document["since"] = evil
    document["problems"] = [evil]
    document["verdict"]["findings"][0] |= {"kind": evil, "detail": evil}
    body = json.dumps(document, ensure_ascii=False).encode().replace(b"\x1b", b"\\u001b")
    for flags in ((), ("--json",)):
        with answering(ok(body), ok(b"alive")) as url:
            ran = run_duri("status", "--url", url, *flags)
        assert ran.code == 10, ran.err
        assert re.sub(r"\n", "", ran.out).isprintable()
        assert "owned" in ran.out
