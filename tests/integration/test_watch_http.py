"""The watcher's HTTP server over real sockets: what each route answers, and how it ends."""

import importlib.resources
import json
import re
import socket
import time
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import referencing
from tests.integration.watch_http_server import Answer, ServerProcess, everything, serving

from duri.watch.http.headers import SECURITY

PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;"
    "escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PLAIN = "text/plain; version=0.0.4; charset=utf-8"
ROUTES = ["/metrics", "/readyz", "/livez", "/api/v1/status", "/api/v1/receipts", "/", "/events"]


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    """Give a server that nobody tells anything: its release is verified."""
    with serving() as process:
        yield process


@pytest.fixture
def fresh() -> Iterator[ServerProcess]:
    """Give a server of the test's own."""
    with serving(heartbeat=0.2) as process:
        yield process


# Metrics.


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", PLAIN),
        ("*/*", PLAIN),
        ("text/html", PLAIN),
        (PROMETHEUS_3, OPENMETRICS),
        ("application/openmetrics-text", OPENMETRICS),
        ("text/plain;version=0.0.4;q=0.3, application/openmetrics-text;version=1.0.0", OPENMETRICS),
        ("application/openmetrics-text;version=1.0.0;q=0.3, text/plain;version=0.0.4", PLAIN),
        ("application/openmetrics-text;version=0.0.1", PLAIN),
        ("application/openmetrics-text;q=0, */*", PLAIN),
        ("application/openmetrics-text;q=nonsense, */*", PLAIN),
        (";;;===,,,\xff", PLAIN),
    ],
)
def test_metrics_come_in_the_format_that_is_preferred(
    server: ServerProcess, accept: str, content_type: str
) -> None:
    answer = server.ask("/metrics", Accept=accept)
    assert (answer.code, answer.headers["content-type"]) == (200, content_type)
    assert answer.headers["vary"] == "Accept"
    assert b"duri_integrity_status_verified 1.0" in answer.body
    assert answer.body.endswith(b"# EOF\n") is (content_type == OPENMETRICS)


# Probes.


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (None, 503, r"the first scan has not ended"),
        ("verified", 200, r"ready"),
        ("policy_changed", 200, r"ready"),
        ("corrupted", 503, r"corrupted since 2026-11-18T\S+Z"),
        ("tampered", 503, r"tampered since 2026-11-18T\S+Z"),
        ("unverifiable", 503, r"unverifiable since 2026-11-18T\S+Z"),
    ],
)
def test_ready_follows_the_status_and_live_does_not(
    fresh: ServerProcess, status: str | None, code: int, said: str
) -> None:
    fresh.tell(status=status)
    ready = fresh.ask("/readyz")
    assert ready.code == code
    assert re.fullmatch(said + "\n", ready.body.decode())
    assert ready.headers["cache-control"] == "no-store"
    assert fresh.ask("/livez").code == 200


def test_live_fails_when_the_scan_loop_is_stuck_and_ready_does_not(fresh: ServerProcess) -> None:
    fresh.tell(stuck="no pass has ended for 900 s\x1b[31m\n")
    live = fresh.ask("/livez")
    assert (live.code, live.body) == (503, rb"no pass has ended for 900 s\x1b[31m\n" + b"\n")
    assert fresh.ask("/readyz").code == 200
    fresh.tell(stuck=None)
    assert fresh.ask("/livez").code == 200


def test_a_defect_answers_500_is_reported_and_makes_nothing_ready(fresh: ServerProcess) -> None:
    fresh.tell(stuck="defect")
    assert fresh.ask("/readyz").code == 500
    answer = fresh.ask("/api/v1/status")
    assert (answer.code, answer.json["status"]) == (500, 500)
    assert "defect" not in answer.json["detail"].replace("a defect of the watcher", "")
    failures = fresh.tell()["failures"]
    assert failures == ["a request failed: RuntimeError: defect"] * 2


# Status.


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    """Return a validator of status documents, by the schemas as they are shipped."""
    schemas = [
        json.loads(importlib.resources.files(package).joinpath(name).read_text())
        for package, name in (
            ("duri.watch.http", "status.schema.json"),
            ("duri.report", "verdict.schema.json"),
        )
    ]
    registry: referencing.Registry[Any] = referencing.Registry().with_resources(
        (schema["$id"], referencing.Resource.from_contents(schema)) for schema in schemas
    )
    return jsonschema.Draft202012Validator(schemas[0], registry=registry)


@pytest.mark.parametrize("status", [None, "verified", "corrupted"])
def test_the_status_is_valid_against_its_schema(
    fresh: ServerProcess, validator: jsonschema.Draft202012Validator, status: str | None
) -> None:
    fresh.tell(status=status, findings=3)
    answer = fresh.ask("/api/v1/status")
    assert answer.headers["content-type"] == "application/json"
    validator.validate(answer.json)
    assert answer.json["status"] == status


def test_findings_are_bounded_and_counted(fresh: ServerProcess) -> None:
    fresh.tell(status="corrupted", findings=1500)
    for query, listed in (("", 1000), ("?findings=7", 7), ("?findings=0", 0)):
        document = fresh.ask(f"/api/v1/status{query}").json
        assert (len(document["verdict"]["findings"]), document["findings_total"]) == (listed, 1500)
        assert document["truncated"] is True
    document = fresh.ask("/api/v1/status?findings=10000").json
    assert (len(document["verdict"]["findings"]), document["truncated"]) == (1500, False)


def test_a_status_that_is_known_is_not_sent_again(fresh: ServerProcess) -> None:
    etag = fresh.ask("/api/v1/status").headers["etag"]
    for given in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        again = fresh.ask("/api/v1/status", If_None_Match=given)
        assert (again.code, again.body, again.headers["etag"]) == (304, b"", etag)
    assert fresh.ask("/api/v1/status", If_None_Match='"other"').code == 200
    assert fresh.ask("/api/v1/status?findings=1", If_None_Match=etag).code == 200
    fresh.tell(status="corrupted")
    assert fresh.ask("/api/v1/status", If_None_Match=etag).code == 200


@pytest.mark.parametrize(
    "target",
    [
        "/api/v1/status?findings=",
        "/api/v1/status?findings=-1",
        "/api/v1/status?findings=10001",
        "/api/v1/status?findings=1e3",
        "/api/v1/status?findings=%D9%A3",
        "/api/v1/status?findings=%ff%00",
        "/api/v1/status?findings=1&findings=2",
        "/api/v1/receipts?limit=0",
        "/api/v1/receipts?limit=1001",
        "/api/v1/receipts?limit=" + "9" * 5000,
        "/api/v1/receipts?after=x",
        "/api/v1/receipts?after=-1",
    ],
)
def test_a_value_that_is_no_number_is_a_problem(server: ServerProcess, target: str) -> None:
    answer = server.ask(target)
    assert (answer.code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.json["status"] == 400
    assert answer.json["type"] == "about:blank"


# Receipts.


def test_receipts_come_one_a_line_behind_a_sequence(server: ServerProcess) -> None:
    def sequences(query: str) -> list[int]:
        answer = server.ask(f"/api/v1/receipts{query}")
        assert (answer.code, answer.headers["content-type"]) == (200, "application/jsonl")
        return [json.loads(line)["sequence"] for line in answer.body.splitlines()]

    assert sequences("") == [1, 2, 3, 4, 5]
    assert sequences("?after=3") == [4, 5]
    assert sequences("?after=1&limit=2") == [2, 3]
    assert sequences("?after=5") == []


def test_receipts_that_cannot_be_read_are_a_problem_without_a_path(fresh: ServerProcess) -> None:
    fresh.tell(receipts=None)
    answer = fresh.ask("/api/v1/receipts")
    assert (answer.code, answer.json["title"]) == (503, "Service Unavailable")
    assert b"/var/lib" not in answer.raw


# The page.


def test_the_page_speaks_the_language_that_is_asked_for(server: ServerProcess) -> None:
    for target, accept, language in (
        ("/", "", "en"),
        ("/", "ko-KR,ko;q=0.9", "ko"),
        ("/?lang=en", "ko-KR", "en"),
        ("/?lang=ko", "en", "ko"),
        ("/?lang=xx", "en", "en"),
    ):
        answer = server.ask(target, Accept_Language=accept)
        assert f"<html lang={language}>".encode() in answer.body
        assert answer.headers["content-language"] == language
        assert answer.headers["vary"] == "Accept-Language"
        assert answer.headers["cache-control"] == "no-store"


def test_a_file_of_the_page_is_kept_for_long_only_under_its_content(server: ServerProcess) -> None:
    plain = server.ask("/static/page.css")
    assert (plain.body, plain.headers["cache-control"]) == (b"b{}", "no-cache")
    digest = plain.headers["etag"].strip('"')
    named = server.ask(f"/static/page.css?v={digest[:12]}")
    assert "immutable" in named.headers["cache-control"]
    for wrong in ("", digest[:7], "0" * 12):
        other = server.ask(f"/static/page.css?v={wrong}")
        assert other.headers["cache-control"] == "no-cache"
    assert server.ask("/static/page.css", If_None_Match=plain.headers["etag"]).code == 304


@pytest.mark.parametrize(
    "target",
    [
        "/static/",
        "/static/other.css",
        "/static/../page.css",
        "/static/..%2f..%2f..%2fetc%2fpasswd",
        "/static/%2e%2e/%2e%2e/etc/passwd",
        "/static/....//etc/passwd",
        "/static//etc/passwd",
        "/static/page.css%00.html",
        "/static/%ff%fe",
        "/static/page.css/",
        "//etc/passwd",
        "/metrics/",
        "/%00",
        "http://elsewhere/metrics",
    ],
)
def test_there_is_nothing_beside_the_routes(server: ServerProcess, target: str) -> None:
    answer = server.ask(target)
    assert (answer.code, answer.body) == (404, b"There is nothing here.\n")


def test_under_api_nothing_is_a_problem_document(server: ServerProcess) -> None:
    answer = server.ask("/api/v1/nothing")
    assert (answer.code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.json["title"] == "Not Found"


# Methods and headers.


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "get"])
def test_nothing_can_be_done_but_reading(server: ServerProcess, route: str, method: str) -> None:
    answer = server.ask(route, method=method)
    assert answer.code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


@pytest.mark.parametrize("route", ROUTES)
def test_head_is_get_without_a_body(server: ServerProcess, route: str) -> None:
    answer = server.ask(route, method="HEAD")
    assert (answer.code, answer.body) == (200, b"")
    if route != "/events":
        assert answer.headers.get("content-length") == str(len(server.ask(route).body))


@pytest.mark.parametrize(
    "request_line",
    [
        *(f"GET {route}" for route in (*ROUTES[:-1], "/nothing", "/api/nothing")),
        "HEAD /events",
        "POST /",
        "GET /\x01",
        "GET",
    ],
)
def test_every_answer_has_the_security_headers(server: ServerProcess, request_line: str) -> None:
    answer = server.send(
        f"{request_line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
    )
    assert answer.code >= 200
    assert {name: answer.headers.get(name) for name in SECURITY} == SECURITY
    assert "server" not in answer.headers
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["cache-control"] in {"no-store", "no-cache"}


def test_the_pages_policy_lets_nothing_in_from_elsewhere() -> None:
    policy = SECURITY["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy
    assert "http" not in policy


# Events.


def listen(server: ServerProcess) -> socket.socket:
    connection = server.connect()
    connection.sendall(b"GET /events HTTP/1.1\r\nHost: duri\r\n\r\n")
    return connection


def until(connection: socket.socket, wanted: bytes) -> bytes:
    got = b""
    while wanted not in got:
        piece = connection.recv(4096)
        assert piece, got
        got += piece
    return got


def test_a_page_is_told_the_version_at_once_and_each_change(fresh: ServerProcess) -> None:
    with listen(fresh) as connection:
        got = until(connection, b"id: 1\nevent: changed\ndata: 1\n\n")
        assert b"content-type: text/event-stream" in got
        assert b"cache-control: no-store" in got
        fresh.tell(status="corrupted")
        until(connection, b"id: 2\nevent: changed\ndata: 2\n\n")
        until(connection, b": still here\n\n")


def test_pages_are_bounded_and_one_that_leaves_makes_room(fresh: ServerProcess) -> None:
    pages = [listen(fresh) for _ in range(64)]
    try:
        for page in pages:
            until(page, b"data: 1")
        with listen(fresh) as one_more:
            full = Answer(until(one_more, b"\r\n\r\n"))
        assert (full.code, full.headers.get("retry-after")) == (503, "10")
        assert fresh.ask("/readyz").code == 200
        pages.pop().close()
        assert eventually_streams(fresh)
    finally:
        for page in pages:
            page.close()


def eventually_streams(server: ServerProcess) -> bool:
    """Return whether one more page is told of changes within some seconds."""
    for _ in range(50):
        with listen(server) as connection:
            if b" 200 " in until(connection, b"\r\n"):
                return True
        time.sleep(0.1)
    return False


# Its life.


def test_it_ends_at_once_with_everything_open() -> None:
    server = ServerProcess()
    server.hear()
    pages = [listen(server) for _ in range(10)]
    others = [server.connect() for _ in range(10)]
    try:
        for page in pages:
            until(page, b"data: 1")
        others[0].sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
        until(others[0], b"alive")
        others[1].sendall(b"GET /livez HT")
        began = time.monotonic()
        assert server.stop() == (0, b"")
        # The process itself needs some of this; the server's share is half a second.
        assert time.monotonic() - began < 3
        # A stream ends as it should, so that a page knows that nothing was cut off.
        assert everything(pages[0]).endswith(b"0\r\n\r\n")
    finally:
        for connection in (*pages, *others):
            connection.close()


def test_a_port_that_is_taken_is_a_problem_until_it_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        process = ServerProcess({"listen": f"127.0.0.1:{port}"})
        heard = process.hear()
        assert heard["address"] is None
        assert heard["problem"].startswith(f"port {port} is taken; ")
    try:
        heard = process.hear()
        assert (heard["address"], heard["problem"]) == (f"http://127.0.0.1:{port}/", None)
        assert process.ask("/livez").code == 200
    finally:
        assert process.stop() == (0, b"")


def test_it_ends_while_it_waits_for_a_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        process = ServerProcess({"listen": f"127.0.0.1:{other.getsockname()[1]}"})
        process.hear()
        assert process.stop() == (0, b"")


def test_an_address_of_no_interface_is_a_problem() -> None:
    process = ServerProcess({"listen": "192.0.2.1:0"})
    try:
        assert process.hear()["problem"] == (
            "no interface has the address 192.0.2.1; is the network up?"
        )
    finally:
        assert process.stop() == (0, b"")


@pytest.mark.parametrize("where", [":0", "[::]:0", "0.0.0.0:0", "localhost:0"])
def test_all_addresses_are_one_listen_away(where: str) -> None:
    with serving(listen=where) as server:
        assert server.heard["address"].startswith("http://127.0.0.1:")
        assert server.ask("/livez").code == 200
        if where[0] in ":[" and socket.has_ipv6:
            with socket.create_connection(("::1", server.port), timeout=10) as connection:
                connection.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
                assert Answer(everything(connection)).code == 200


def test_a_single_ipv6_address_is_shown_in_brackets() -> None:
    with serving(listen="[::1]:0") as server:
        assert server.heard["address"].startswith("http://[::1]:")
