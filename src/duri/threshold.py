"""The spike threshold: a share of the sealed files, as a decimal, compared without floats.

A spike is more changed files than an honest change has; it is usually a wrong mount or a wrong
release, so nothing acts on it without a person.
"""

from duri.errors import UsageError

DEFAULT = "0.3"
_DIGITS = 6
_MILLION = 1_000_000


def millionths(text: str) -> int:
    """Return a threshold such as "0.3" in millionths; raise UsageError for anything else."""
    whole, dot, fraction = text.partition(".")
    valid = (
        whole in {"0", "1"}
        and (not dot or 0 < len(fraction) <= _DIGITS)
        and (not fraction or (fraction.isascii() and fraction.isdigit()))
    )
    parts = int(whole + fraction.ljust(_DIGITS, "0")) if valid else -1
    if not 0 <= parts <= _MILLION:
        raise UsageError(
            "not a spike threshold",
            expected="a decimal from 0 to 1 with at most six digits, such as 0.3",
            got=repr(text),
        )
    return parts


def is_spike(changed: int, *, sealed: int, limit: str) -> bool:
    """Return whether `changed` files are more than the threshold's share of the sealed ones."""
    return changed * _MILLION > millionths(limit) * sealed


def tighter(sealed: str, declared: str | None) -> str:
    """Return the smaller one: what is declared may tighten what was sealed, never loosen it."""
    if declared is None or millionths(declared) >= millionths(sealed):
        return sealed
    return declared
