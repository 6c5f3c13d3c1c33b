"""Telling systemd how the service is: sd_notify(3) and its watchdog, over one datagram socket.

Guarantees: nothing here ever raises or waits for long; without a supervisor every message is
dropped. A message that could not be sent is answered with False, and what matters is said again.

Leaves to others: what the environment says (`duri.settings`), and when the service is well enough
for `watchdog` to be called: a watchdog fed by a timer alone watches nothing.
"""

import os
import socket

import msgspec

_SECONDS = 0.25
"""How long a full queue may hold up the caller; systemd empties its queue in milliseconds."""

_MAX_STATUS = 512


class Supervisor(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to tell.

    Attributes:
        address: of its socket; None where nobody listens.
        watchdog_seconds: how often to call `watchdog`, half of the time after which it kills;
            None where it does not watch.
    """

    address: bytes | None = None
    watchdog_seconds: float | None = None


def supervisor(
    *,
    notify_socket: str | None = None,
    watchdog_usec: str | None = None,
    watchdog_pid: str | None = None,
    own_pid: int,
) -> Supervisor:
    """Return whom the values of NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID name."""
    address = _address(notify_socket or "")
    limit = _number(watchdog_usec)
    # The variables are inherited: a child is not the process that systemd waits for.
    watched = not watchdog_pid or _number(watchdog_pid) == own_pid
    if address is None or not limit or not watched:
        return Supervisor(address=address)
    return Supervisor(address=address, watchdog_seconds=limit / 2_000_000)


def ready(told: Supervisor, *, status: str | None = None) -> bool:
    """Say that the service is up, or that it has reloaded."""
    return _send(told, "READY=1", *(_status(status)))


def say(told: Supervisor, status: str) -> bool:
    """Give the line that `systemctl status` shows."""
    return _send(told, *_status(status))


def reloading(told: Supervisor, *, monotonic_ns: int) -> bool:
    """Say that a reload begins; `ready` ends it.

    Args:
        told: whom to tell.
        monotonic_ns: CLOCK_MONOTONIC now, which systemd compares with its own.
    """
    return _send(told, "RELOADING=1", f"MONOTONIC_USEC={monotonic_ns // 1000}")


def stopping(told: Supervisor) -> bool:
    """Say that the service ends on purpose."""
    return _send(told, "STOPPING=1")


def watchdog(told: Supervisor) -> bool:
    """Say that the service does its work."""
    return _send(told, "WATCHDOG=1")


def _send(told: Supervisor, *lines: str) -> bool:
    if told.address is None:
        return False
    message = "\n".join(lines).encode("utf-8", "replace")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.settimeout(_SECONDS)
            channel.connect(told.address)
            return channel.send(message, socket.MSG_NOSIGNAL) == len(message)
    except (OSError, ValueError):
        return False


def _address(text: str) -> bytes | None:
    """Return the socket's address: a path, or with `@` a name without one (unix(7))."""
    if text.startswith("@") and len(text) > 1:
        return b"\0" + os.fsencode(text[1:])
    return os.fsencode(text) if text.startswith("/") else None


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() else None


def _status(text: str | None) -> tuple[str, ...]:
    """Return the line, as one line: another one would be another assignment."""
    if text is None:
        return ()
    return ("STATUS=" + " ".join(text.split())[:_MAX_STATUS],)
