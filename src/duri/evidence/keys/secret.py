"""Key material that cannot be shown by accident.

Guarantees: `repr`, `str`, `format`, `rich`, `pickle`, `copy` and JSON encoders never get at the
bytes; comparison takes the same time wherever two secrets differ. The one way in is `reveal`, so
that a search for that word finds every use.

Leaves to others: wiping memory, which Python cannot promise, and core dumps, which are the host's.
"""

from typing import NoReturn


class Secret:
    """Bytes that only `reveal` gives out."""

    __slots__ = ("_material",)

    def __init__(self, material: bytes) -> None:
        """Keep the material."""
        self._material = material

    def reveal(self) -> bytes:
        """Return the material; the caller keeps it out of anything that is shown."""
        return self._material

    def __len__(self) -> int:
        """Return the number of bytes."""
        return len(self._material)

    def __eq__(self, other: object) -> bool:
        """Compare without telling by the time taken where two secrets differ."""
        if not isinstance(other, Secret):
            return NotImplemented
        from hmac import compare_digest

        return compare_digest(self._material, other._material)

    def __hash__(self) -> int:
        """Hash as bytes do, with the process's own random seed."""
        return hash(self._material)

    def __repr__(self) -> str:
        """Return a text that holds nothing of the material, its length neither."""
        return "Secret(hidden)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse to be pickled or deep-copied: both write the material somewhere."""
        message = "a secret is never pickled or copied"
        raise TypeError(message)
