"""How a command ends: errors become one line on standard error and an exit code, in one place.

Guarantees: every way out has a code of `docs/exit-codes.md`; an unexpected failure is 1.
"""

import contextlib
import os
from collections.abc import Callable

from duri.errors import DuriError

INTERRUPTED = 130
"""As a shell reports a process that SIGINT ended: 128 + 2."""


def for_a_person(sentence: str, _: int) -> None:
    """Say what went wrong as a line that starts with the program's name."""
    say(f"duri: {sentence}")


def guarded(act: Callable[[], int], *, tell: Callable[[str, int], None] = for_a_person) -> int:
    """Run a command and return its exit code; what goes wrong is said on standard error.

    Args:
        act: the command.
        tell: writes what went wrong, and the exit code that goes with it.
    """
    try:
        return act()
    except DuriError as error:
        sentence, code = str(error), error.exit_code
    except KeyboardInterrupt:
        sentence, code = "interrupted", INTERRUPTED
    except BrokenPipeError:
        return 1
    except OSError as error:
        named = f": {error.filename}" if error.filename else ""
        sentence, code = f"{error.strerror or error}{named}", 1
    except Exception as error:  # noqa: BLE001 - the one at the top: it reports, and fails
        sentence, code = f"unexpected failure: {type(error).__name__}: {error}", 1
    tell(sentence, code)
    return code


def say(line: str) -> None:
    """Write one line to standard error."""
    write_error(f"{line}\n".encode("utf-8", "backslashreplace"))


def write_error(data: bytes) -> None:
    """Write to standard error; one that is closed or full changes no answer."""
    with contextlib.suppress(OSError):
        os.write(2, data)
