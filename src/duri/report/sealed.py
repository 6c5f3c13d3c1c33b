"""What a person sees after sealing: one screen."""

from duri.report.escape import counted, printable
from duri.seal import Seal

_KEYID_DIGITS = 16
_SHOWN_OUTSIDE = 6


def render(done: Seal, *, check: str) -> str:
    """Return the release, what was sealed, under which policy and keys, and what to do next.

    Args:
        done: what was sealed.
        check: the command that verifies it.
    """
    metadata = done.metadata
    policy = metadata.policy
    rules = [
        f"{name.replace('_', ' ')} {', '.join(values)}"
        for name, values in (
            ("ignore", policy.ignore),
            ("mutable", policy.mutable),
            ("append_only", policy.append_only),
            ("external_links", policy.external_links),
        )
        if values
    ]
    keys = ", ".join(keyid[:_KEYID_DIGITS] for keyid in done.keyids) or "unsigned"
    rows = (
        ("sealed", f"{metadata.product} {metadata.version}"),
        ("release", metadata.deployment_id),
        ("for", metadata.environment or "any environment"),
        (
            "files",
            f"{metadata.file_count:,}, {counted(metadata.total_bytes, 'byte')}, {_time(done)}",
        ),
        ("hash", metadata.hash_algorithm),
        ("policy", f"{metadata.mode}; {'; '.join(rules) or 'nothing may change'}"),
        ("keys", keys),
        ("artifacts", done.artifacts),
        *((("outside", _outside(done)),) if done.outside else ()),
        ("next", check),
    )
    return "\n".join(f"{name:<10} {printable(value)}" for name, value in rows)


def _outside(done: Seal) -> str:
    """Name what runs with the release and is not sealed with it."""
    shown = done.outside[:_SHOWN_OUTSIDE]
    rest = len(done.outside) - len(shown)
    more = f" and {rest} more" if rest else ""
    return f"not sealed, yet loaded: {', '.join(shown)}{more}"


def _time(done: Seal) -> str:
    return f"{done.scan_duration_ms / 1000:.1f} s"
