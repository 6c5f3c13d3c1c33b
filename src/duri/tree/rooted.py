"""Opening a folder inside another root, such as that of a process in its own mount namespace.

Guarantees: nothing outside the given root is ever opened. Absolute links and ".." are resolved as
if that root were "/"; links that the kernel makes, such as those in `/proc/<pid>/fd`, are refused.

Source: openat2(2), RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS; Linux 5.6 or later.
"""

from duri.tree._core import open_in_root

__all__ = ["open_in_root"]
