"""How far a scan is, and how to stop it.

Guarantees: the counters only grow; a scan that is cancelled ends within a tenth of a second or so.
"""

from duri.tree import _core

__all__ = ["Progress"]


class Progress:
    """How far a scan is, readable from another thread; cancelling it cancels the scan.

    Attributes:
        total_files: how many there will be, once that is known.
        total_bytes: how many when they were sealed, once that is known.
    """

    __slots__ = ("counters", "total_bytes", "total_files")

    def __init__(self) -> None:
        self.counters = _core.Progress()
        self.total_files: int | None = None
        self.total_bytes: int | None = None

    @property
    def files(self) -> int:
        """Files read so far."""
        return self.counters.files

    @property
    def bytes(self) -> int:
        """Bytes hashed so far."""
        return self.counters.bytes

    def expect(self, *, files: int, size: int) -> None:
        """Say how much there will be."""
        self.total_files, self.total_bytes = files, size

    def cancel(self) -> None:
        """End the scan soon; whoever runs it gets an UnverifiableError."""
        self.counters.cancel()
