"""Two renames that the standard library lacks: onto nothing, and swapping two names at once.

Source: renameat2(2), RENAME_NOREPLACE and RENAME_EXCHANGE.
"""

from duri.tree._core import exchange, rename_new

__all__ = ["exchange", "rename_new"]
