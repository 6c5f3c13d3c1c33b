"""SHA-256 of bytes in memory, by the core that hashes the files.

The standard library would do; but loading its OpenSSL costs a gate more than hashing all of a small
release, and the core is loaded already. The tests compare the two.

Guarantees: digests of many buffers are there when they are asked for; those of large ones are made
meanwhile, on another core of the machine.
"""

from collections.abc import Callable, Mapping

from duri.tree._core import sha256

__all__ = ["Digests", "sha256"]

_WORTH_A_THREAD = 1 << 20


class Digests:
    """The lower-case hex SHA-256 of named buffers, each computed once."""

    __slots__ = ("_found", "_running")

    def __init__(
        self, buffers: Mapping[str, bytes], *, known: Mapping[str, str] | None = None
    ) -> None:
        """Hash small buffers now, and start on large ones.

        Args:
            buffers: what to hash, by name.
            known: digests of what is not in memory, by other names.
        """
        self._found: dict[str, str] = dict(known or {})
        self._running: dict[str, Callable[[], None]] = {}
        for name, data in buffers.items():
            if len(data) < _WORTH_A_THREAD:
                self._found[name] = sha256(data)
            else:
                self._start(name, data)

    def __getitem__(self, name: str) -> str:
        """Return the digest of one buffer, waiting for it where it is not there yet."""
        wait = self._running.pop(name, None)
        if wait is not None:
            wait()
        return self._found[name]

    def _start(self, name: str, data: bytes) -> None:
        import threading

        def hash_it() -> None:
            self._found[name] = sha256(data)

        thread = threading.Thread(target=hash_it)
        thread.start()
        self._running[name] = thread.join
