"""What a release lets change.

Guarantees: equal policies have equal digests, since the digest is over the canonical document.

Leaves to others: matching patterns against paths (`duri.tree`), reading flags, variables and files
(`duri.settings`), comparing with what is declared later (`duri.evidence.policy_difference`).
"""

import msgspec

from duri import threshold
from duri.errors import UsageError
from duri.limits import MAX_PATTERNS


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sealed policy; patterns are gitignore patterns, matched against paths under the root.

    Attributes:
        ignore: what is not looked at.
        mutable: what must exist with free content, never executable.
        append_only: what may grow behind its sealed prefix.
        external_links: symbolic links that may leave the root.
        owners: whether owner and group are sealed.
        case_twins: whether names that differ only by case may stand side by side.
        spike_threshold: share of the sealed files, a decimal from "0" to "1".
    """

    ignore: tuple[str, ...] = ()
    mutable: tuple[str, ...] = ()
    append_only: tuple[str, ...] = ()
    external_links: tuple[str, ...] = ()
    owners: bool = False
    case_twins: bool = False
    spike_threshold: str = threshold.DEFAULT


def check_patterns(policy: Policy) -> None:
    """Refuse more patterns of one kind than any honest policy has."""
    for name in ("ignore", "mutable", "append_only", "external_links"):
        if len(getattr(policy, name)) > MAX_PATTERNS:
            raise UsageError(
                f"too many {name} patterns",
                expected=f"at most {MAX_PATTERNS}",
                got=str(len(getattr(policy, name))),
            )
