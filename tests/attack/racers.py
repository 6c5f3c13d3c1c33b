"""Programs that race a scan: each says `begun`, then does one thing for ever."""

VANISHES = """
import os, sys
print("begun", flush=True)
while True:
    os.rename(sys.argv[1], sys.argv[2])
    os.rename(sys.argv[2], sys.argv[1])
"""
"""Takes a path away and brings it back, for ever."""

SWAPPER = """
import ctypes, os, sys
one, other = map(os.fsencode, sys.argv[1:])
swap = ctypes.CDLL(None).renameat2
print("begun", flush=True)
while True:
    assert swap(-100, one, -100, other, 2) == 0
"""
"""Swaps two names for ever, without a moment in which either is gone (RENAME_EXCHANGE)."""

WRITER = """
import os, sys
file = os.open(sys.argv[1], os.O_RDWR)
first = os.pread(file, 1, 0)
print("begun", flush=True)
while True:
    os.pwrite(file, first, 0)
"""
"""Writes the first byte of a file again for ever: the content never differs."""

GROWER = """
import os, sys
file = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
first = os.fstat(file).st_size
print("begun", flush=True)
while True:
    os.write(file, b"x")
    if os.fstat(file).st_size > first + 4096:
        os.ftruncate(file, first)
"""
"""Lets a file grow by a page and cuts it back, for ever."""

COMES_AND_GOES = """
import os, sys
print("begun", flush=True)
while True:
    os.close(os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY))
    os.unlink(sys.argv[1])
"""
"""Makes and removes a file for ever."""
