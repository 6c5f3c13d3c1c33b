"""Where the server listens: the text of `--listen`, and the socket it stands for.

Guarantees: names are never looked up, so neither parsing nor binding waits for a name server. What
keeps an address from being bound is said in a sentence that names the remedy.
"""

import errno
import ipaddress
import re
import socket

import msgspec

from duri.errors import UsageError

SEND_BYTES = 128 * 1024
"""The kernel's send buffer of a connection; left alone it grows to 4 MB for whoever never reads."""

RECEIVE_BYTES = 16 * 1024
"""The kernel's receive buffer: a request fits, and what is sent ahead of answers stays small."""

BACKLOG = 512
"""Connections the kernel keeps until they are accepted: a burst of twice what may be open."""

_EXPECTED = (
    "HOST:PORT with an IP address or localhost, such as 127.0.0.1:9101 or [::1]:9101; "
    ":9101 for all addresses; or none"
)
_PATTERN = re.compile(r"(?:\[(?P<six>[^\[\]]+)\]|(?P<four>[^:\[\]]*)):(?P<port>[0-9]{1,5})")
_MAX_PORT = 65_535


class Listen(msgspec.Struct, frozen=True, kw_only=True):
    """An address; `host` is empty for all of IPv4 and IPv6, `port` 0 for a free one."""

    host: str
    port: int


def parse(text: str) -> Listen | None:
    """Return what `text` names; None for `none`, which is not to listen at all.

    Raises:
        UsageError: it names no address.
    """
    if text.strip().lower() == "none":
        return None
    found = _PATTERN.fullmatch(text.strip())
    if found is None or int(found["port"]) > _MAX_PORT:
        raise UsageError("no address to listen on", expected=_EXPECTED, got=repr(text))
    host = "127.0.0.1" if found["four"] == "localhost" else found["six"] or found["four"] or ""
    try:
        if found["six"]:
            ipaddress.IPv6Address(host)
        elif host:
            ipaddress.IPv4Address(host)
    except ValueError as error:
        raise UsageError("no address to listen on", expected=_EXPECTED, got=repr(text)) from error
    return Listen(host=host, port=int(found["port"]))


def bind(listen: Listen) -> socket.socket:
    """Return a listening socket; OSError where that cannot be."""
    if not listen.host:
        try:
            return _bound(Listen(host="::", port=listen.port))
        except OSError as error:
            if error.errno not in {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}:
                raise
            # A kernel without IPv6.
            return _bound(Listen(host="0.0.0.0", port=listen.port))  # noqa: S104 - was asked for
    return _bound(listen)


def _bound(listen: Listen) -> socket.socket:
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    family, kind, protocol, _, address = socket.getaddrinfo(
        listen.host, listen.port, type=socket.SOCK_STREAM, flags=flags
    )[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        # Accepted connections inherit both; the receive buffer must be set before they come.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        bound.bind(address)
        bound.listen(BACKLOG)
        bound.setblocking(False)
    except OSError:
        bound.close()
        raise
    return bound


def url(bound: socket.socket) -> str:
    """Return the address of a bound socket as a URL that works on this host."""
    host, port = bound.getsockname()[:2]
    if host in {"::", "0.0.0.0"}:  # noqa: S104 - compared, not bound
        host = "127.0.0.1"
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def reason(listen: Listen, error: OSError) -> str:
    """Return why an address could not be bound, as a sentence that says what would help."""
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {listen.port} is taken; free it, or choose another with --listen"
        case errno.EADDRNOTAVAIL:
            return f"no interface has the address {listen.host}; is the network up?"
        case errno.EACCES | errno.EPERM:
            return f"port {listen.port} needs a right that is missing; choose one above 1023"
    where = f"{listen.host or '*'}:{listen.port}"
    return f"cannot listen on {where}: {error.strerror or error}"
