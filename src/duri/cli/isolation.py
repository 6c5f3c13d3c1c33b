"""The gate's own interpreter: isolated, whatever the environment says.

Guarantees: the gate runs with `-I`, so PYTHONPATH, PYTHONSTARTUP, user site packages and the
working folder add nothing to what judges the release, and without the variables that make the
loader bring in foreign code. These are set aside, not lost: the gate's policy decides what its
command gets.

What it cannot undo: a library preloaded into the interpreter that gets here has run already. Start
the gate as `python -I -m duri gate` with a clean environment where that matters.
"""

import os
import sys
from collections.abc import Sequence

from duri.settings import inherited_environment

SET_ASIDE = "DURI_SET_ASIDE_"
_LOADER = (
    "GCONV_PATH",
    "GLIBC_TUNABLES",
    "LD_AUDIT",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "OPENSSL_CONF",
    "OPENSSL_ENGINES",
    "OPENSSL_MODULES",
)


def reenter(arguments: Sequence[str]) -> None:
    """Become an isolated interpreter running the same command, unless this one is isolated."""
    environment = inherited_environment()
    if sys.flags.isolated and not any(name in environment for name in _LOADER):
        return
    for name in _LOADER:
        if name in environment:
            environment[SET_ASIDE + name] = environment.pop(name)
    os.execve(  # noqa: S606 - this interpreter again, no shell
        sys.executable, [sys.executable, "-I", "-m", "duri", *arguments], environment
    )


def original(environment: dict[str, str]) -> dict[str, str]:
    """Return the environment as it was before variables were set aside."""
    return {name.removeprefix(SET_ASIDE): value for name, value in environment.items()}
