"""A watcher that is none: it looks with the harness's own oracle, and is blind to what BLIND names.

It speaks as `duri watch` does (log lines, /metrics, the status API), so that the harness is tested
without DuRi: one that sees everything must agree with the oracle, a blind one must be found out.
STUBBORN=1 ignores SIGTERM; DEAD=1 ends at once.
"""

import argparse
import http.server
import json
import os
import signal
import sys
import threading
import time

from bench.watch import oracle

PAUSE_SECONDS = 0.1


class Answer(http.server.BaseHTTPRequestHandler):
    """Says what the last look found."""

    protocol_version = "HTTP/1.1"
    exposition = b""
    status = b""

    def do_GET(self) -> None:
        """Answer /metrics or /api/v1/status."""
        body = self.exposition if self.path == "/metrics" else self.status
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing on standard error."""


def say(event: str, **fields: object) -> None:
    """Write one line of the log."""
    print(json.dumps({"event": event, **fields}), file=sys.stderr, flush=True)


def publish(right: oracle.Answer, *, blind: set[str]) -> str:
    """Publish an answer, less the kinds that are not seen; return the status."""
    findings = [row for row in sorted(right.findings or ()) if row[0] not in blind]
    status = right.status if findings or right.findings is None else "verified"
    Answer.exposition = f"duri_integrity_status_{status} 1.0\n".encode()
    rows = [
        {"kind": kind, "path": path.decode(errors="replace"), "path_bytes": _base64(path)}
        for kind, path in findings
    ]
    document = {"truncated": False, "verdict": {"status": status, "findings": rows}}
    Answer.status = json.dumps(document).encode()
    return status


def _base64(path: bytes) -> str:
    import base64

    return base64.b64encode(path).decode()


def main() -> int:
    """Look again and again."""
    parser = argparse.ArgumentParser()
    parser.add_argument("command")
    parser.add_argument("root")
    options, _ = parser.parse_known_args()
    if os.environ.get("DEAD"):
        print("no such thing", file=sys.stderr)
        return 2
    if os.environ.get("STUBBORN"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    sealed, artifacts = oracle.look(options.root), oracle.evidence(options.root)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    say("watch.listening", address=f"http://127.0.0.1:{server.server_address[1]}/")
    before = None
    while True:
        try:
            right = oracle.answer(options.root, sealed=sealed, artifacts=artifacts)
        except OSError:
            continue
        status = publish(right, blind=set(os.environ.get("BLIND", "").split(",")))
        if status != before:
            say("watch.status", status=status)
        before = status
        say("watch.scan", status=status, reason="full scan", duration_ms=1)
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
