"""How much the reading of a thread may disturb others.

Guarantees: only the calling thread is changed, and threads that it starts afterwards have its
priority, so those of a scan do. The kernel heeds it where the disk's scheduler does (BFQ).

Source: ioprio_set(2).
"""

from duri.tree._core import set_io_priority

__all__ = ["set_io_priority"]
