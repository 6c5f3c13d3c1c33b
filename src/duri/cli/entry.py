"""Where the process `duri` starts and ends.

Guarantees: what costs a boot time and gives a short command nothing is left out: collecting cycles
among modules that stay, and taking every object apart before the process ends. Output is flushed
before that; a reader that went away is a failure, not a traceback.
"""

import gc
import os
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run one command and end the process with its exit code."""
    gc.disable()
    arguments = sys.argv[1:]
    if arguments[:1] == ["gate"]:
        from duri.cli.isolation import reenter

        reenter(arguments)
    from duri.cli.main import run

    code = run(arguments)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            code = code or 1
    os._exit(code)
