"""A policy's patterns, compiled for the core.

Leaves to others: what the rules do to a scan and to events (the core).
"""

from duri.errors import UsageError
from duri.policy import Policy
from duri.tree import _core

__all__ = ["compiled"]


def compiled(policy: Policy) -> _core.Rules:
    """Return the rules of a policy.

    Raises:
        UsageError: a pattern is none.
    """
    try:
        return _core.Rules(
            ignore=policy.ignore,
            mutable=policy.mutable,
            append_only=policy.append_only,
            external_links=policy.external_links,
            owners=policy.owners,
            case_twins=policy.case_twins,
        )
    except _core.FormatError as error:
        raise UsageError("not a pattern", expected="a gitignore pattern", got=str(error)) from error
