"""How a command ends: errors become one line on standard error and an exit code, in one place.

Guarantees: every way out has a code of `docs/exit-codes.md`; an unexpected failure is 1.
"""

import contextlib
import os
from collections.abc import Callable

from duri.errors import DuriError

INTERRUPTED = 130
"""As a shell reports a process that SIGINT ended: 128 + 2."""


def guarded(act: Callable[[], int]) -> int:
    """Run a command and return its exit code; what goes wrong is said on standard error."""
    try:
        return act()
    except DuriError as error:
        say(f"duri: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        say("duri: interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        return 1
    except OSError as error:
        say(f"duri: {error.strerror or error}" + (f": {error.filename}" if error.filename else ""))
        return 1
    except Exception as error:  # noqa: BLE001 - the one at the top: it reports, and fails
        say(f"duri: unexpected failure: {type(error).__name__}: {error}")
        return 1


def say(line: str) -> None:
    """Write one line to standard error."""
    write_error(f"{line}\n".encode("utf-8", "backslashreplace"))


def write_error(data: bytes) -> None:
    """Write to standard error; one that is closed or full changes no answer."""
    with contextlib.suppress(OSError):
        os.write(2, data)
