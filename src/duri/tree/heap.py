"""How much memory a long process keeps between two scans.

Guarantees: nothing that is in use is touched. The GNU allocator gives each thread a heap of its own
and keeps what was freed there; `share` gives all threads one, and `trim` gives back what is free.
With other allocators both do nothing.

Source: mallopt(3), M_ARENA_MAX; malloc_trim(3).
"""

from duri.tree._core import share, trim

__all__ = ["share", "trim"]
