"""`duri watch` as a process: started, asked over HTTP, ended; never longer than its test.

Guarantees: `until` fails with what the watcher said when what it waits for does not come. Every
watcher listens on a free port of the loopback, and writes only below the test's own folder.
"""

import contextlib
import http.client
import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.conftest import (
    DURI,
    File,
    Folder,
    Link,
    Node,
    RunDuri,
    Tree,
    clean_environment,
    drop_rights_for_good,
)
from tests.integration.shop import Shop

PATIENCE = 30.0
"""Seconds that a busy machine may take for what usually takes a tenth of one."""


FILES: Mapping[str | bytes, Node] = {
    "main.py": b"print('open')\n",
    "bin/start": File(b"#!/bin/sh\necho started\n", 0o755),
    "lib/prices.py": b"PRICES = {'tea': 3}\n",
    "lib/deep/er/rates.py": b"RATES = {}\n",
    "lib/current": Link("prices.py"),
    "uploads": Folder(),
    **{f"many/f{number}.txt": b"%d\n" % number for number in range(40)},
}


def sealed(tree: Tree, duri: RunDuri, *, name: str = "app") -> Shop:
    """Return a release of FILES, with its keyring beside it."""
    root = tree(FILES, name=name)
    keyring = root.parent / "keyring.json"
    if not keyring.exists():
        duri("keys", "new", "--out", keyring, check=0)
    shop = Shop(root, keyring, duri)
    assert shop.seal("--product", "shop", "--version", "1.0.0").code == 0
    return shop


class Watcher:
    """A running `duri watch`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        """Read what it says, line by line."""
        self.process = process
        self.lines: list[dict[str, Any]] = []
        self.said: list[str] = []
        self.address = ""
        self._incoming: queue.Queue[bytes | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._incoming.put(line)
        self._incoming.put(None)

    def hear(self) -> None:
        """Take in the lines that were written meanwhile."""
        with contextlib.suppress(queue.Empty):
            while (line := self._incoming.get_nowait()) is not None:
                self.said.append(os.fsdecode(line))
                with contextlib.suppress(ValueError):
                    self.lines.append(json.loads(line))

    def events(self, event: str) -> list[dict[str, Any]]:
        """Return the lines about one event so far."""
        self.hear()
        return [line for line in self.lines if line.get("event") == event]

    def until(self, holds: Callable[[], object], *, about: str, seconds: float = PATIENCE) -> Any:  # noqa: ANN401 - what holds
        """Return what `holds` returns once that is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if found := holds():
                    return found
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        self.hear()
        said = "".join(self.said[-30:])
        raise AssertionError(f"{about}: not so; exit {self.process.poll()}; it said:\n{said}")

    def get(
        self, path: str, *, headers: Mapping[str, str] | None = None
    ) -> tuple[int, str, Mapping[str, str]]:
        """Return status, body and headers of an answer."""
        where = urlsplit(self.address)
        connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=10)
        try:
            connection.request("GET", path, headers=dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), dict(answer.getheaders())
        finally:
            connection.close()

    def status(self) -> dict[str, Any]:
        """Return the status document."""
        code, body, _ = self.get("/api/v1/status")
        assert code == 200, body
        loaded: dict[str, Any] = json.loads(body)
        return loaded

    def metrics(self) -> dict[str, float]:
        """Return every series with its value."""
        body = self.get("/metrics")[1]
        pairs = (line.rsplit(" ", 1) for line in body.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    def until_status(self, status: str, *, seconds: float = PATIENCE) -> None:
        """Return once the metrics say this status, and no other."""
        name = f"duri_integrity_status_{status}"
        self.until(lambda: self.metrics()[name] == 1, about=f"status {status}", seconds=seconds)

    def statuses(self) -> list[str]:
        """Return every status that it ever told, in order."""
        return [line["status"] for line in self.events("watch.status")]

    def until_scans(self, kind: str, count: int) -> None:
        """Return once so many scans of a kind have ended."""
        name = f'duri_integrity_scans_total{{kind="{kind}"}}'
        self.until(lambda: self.metrics()[name] >= count, about=f"{count} {kind} scans")

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self.hear()
        return code


@contextlib.contextmanager
def watching(
    root: os.PathLike[str] | str,
    *options: str | os.PathLike[str],
    home: Path,
    env: Mapping[str, str] | None = None,
    prefix: Sequence[str] = (),
    as_nobody: bool = False,
    receipts: bool = True,
    serve: bool = True,
) -> Iterator[Watcher]:
    """Run a watcher over `root`, listening on a free port.

    Args:
        root: what is watched.
        options: more options.
        home: a folder of the test's own; receipts go below it.
        env: variables beside PATH, HOME and LANG.
        prefix: a command that starts it, such as `unshare`.
        as_nobody: without root's rights.
        receipts: whether to keep receipts below `home` (option `--receipts`).
        serve: whether to wait until it answers.
    """
    folder = home / "receipts"
    folder.mkdir(exist_ok=True)
    command = [*prefix, os.fspath(DURI), "watch", os.fspath(root), "--log-format", "json"]
    command += ["--receipts", os.fspath(folder)] if receipts else []
    command += ["--listen", "127.0.0.1:0"] if "--listen" not in options else []
    command += [os.fspath(option) for option in options]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=home,
        env=clean_environment(home) | dict(env or {}),
        preexec_fn=drop_rights_for_good if as_nobody else None,  # noqa: PLW1509 - calls libc only
    )
    watcher = Watcher(process)
    try:
        if serve:
            heard = watcher.until(lambda: watcher.events("watch.listening"), about="listening")
            watcher.address = heard[0]["address"]
        yield watcher
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process.stderr is not None:
            process.stderr.close()
