"""sd_notify: what arrives at a real datagram socket, by path and by abstract name."""

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from duri.watch import systemd
from duri.watch.systemd import Supervisor

OWN_PID = 4711
MICROSECONDS = 1000


class Listener:
    """What systemd is to a service."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0", 1))
        self._socket.settimeout(5)

    def heard(self) -> list[str]:
        """Return the next message's lines."""
        return self._socket.recv(4096).decode().split("\n")

    def fill(self) -> None:
        """Send until the queue takes no more."""
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender,
            contextlib.suppress(BlockingIOError),
        ):
            sender.setblocking(False)
            while True:
                sender.sendto(b"X=1", self.address.replace("@", "\0", 1))

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Listener]:
    """Return a socket of either kind."""
    address = str(tmp_path / "notify")
    if request.param == "abstract":
        address = f"@duri-{os.getpid()}-{tmp_path.name}"
    made = Listener(address)
    yield made
    made.close()


def told(listener: Listener) -> Supervisor:
    return systemd.supervisor(notify_socket=listener.address, own_pid=OWN_PID)


def test_each_message_arrives_as_systemd_spells_it(listener: Listener) -> None:
    to = told(listener)
    assert systemd.ready(to)
    assert listener.heard() == ["READY=1"]
    assert systemd.ready(to, status="verified")
    assert listener.heard() == ["READY=1", "STATUS=verified"]
    assert systemd.say(to, "corrupted: 2 files")
    assert listener.heard() == ["STATUS=corrupted: 2 files"]
    assert systemd.stopping(to)
    assert listener.heard() == ["STOPPING=1"]
    assert systemd.watchdog(to)
    assert listener.heard() == ["WATCHDOG=1"]


def test_reload_carries_the_monotonic_clock_in_microseconds(listener: Listener) -> None:
    before = time.monotonic_ns()
    assert systemd.reloading(told(listener), monotonic_ns=before)
    assert listener.heard() == ["RELOADING=1", f"MONOTONIC_USEC={before // MICROSECONDS}"]


def test_status_cannot_smuggle_an_assignment(listener: Listener) -> None:
    assert systemd.say(told(listener), "bad\nSTOPPING=1\r\nMAINPID=1")
    assert listener.heard() == ["STATUS=bad STOPPING=1 MAINPID=1"]


def test_status_is_text_of_any_kind_and_bounded(listener: Listener) -> None:
    assert systemd.say(told(listener), "손상됨 \udcff" + "x" * 9000)
    (line,) = listener.heard()
    assert line.startswith("STATUS=손상됨 ?xxx")
    assert len(line) < 600


@pytest.mark.parametrize("address", [None, "", "@", "vsock:2:9", "relative"])
def test_without_a_supervisor_nothing_is_sent(address: str | None) -> None:
    to = systemd.supervisor(notify_socket=address, watchdog_usec="2000000", own_pid=OWN_PID)
    assert to == Supervisor()
    assert not systemd.ready(to)


@pytest.mark.parametrize(
    "address", ["/nonexistent/notify", "/" + "x" * 200, "@nobody-listens-here"]
)
def test_absent_supervisor_never_disturbs(address: str) -> None:
    to = systemd.supervisor(notify_socket=address, own_pid=OWN_PID)
    assert to.address is not None
    assert not systemd.ready(to, status="x")


def test_full_queue_never_holds_the_service_up(listener: Listener) -> None:
    listener.fill()
    before = time.monotonic()
    assert not systemd.watchdog(told(listener))
    assert time.monotonic() - before < 5


@pytest.mark.parametrize(
    ("usec", "pid", "seconds"),
    [
        ("30000000", None, 15.0),
        ("30000000", str(OWN_PID), 15.0),
        ("30000000", "", 15.0),
        ("30000000", "1", None),
        ("30000000", "no", None),
        ("0", None, None),
        ("-1", None, None),
        ("soon", None, None),
        ("", None, None),
        (None, str(OWN_PID), None),
    ],
)
def test_watchdog_is_fed_at_half_its_time_by_the_watched_process(
    usec: str | None, pid: str | None, seconds: float | None
) -> None:
    to = systemd.supervisor(
        notify_socket="/run/notify", watchdog_usec=usec, watchdog_pid=pid, own_pid=OWN_PID
    )
    assert to.watchdog_seconds == seconds
