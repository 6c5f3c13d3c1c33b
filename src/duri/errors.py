"""The errors of DuRi, one small tree.

    DuriError                  1   what went wrong, where, expected, got, what to do
    ├── UsageError             2   the call is wrong: a flag, a setting, a root that is no folder
    ├── MalformedError        11   bytes that are not the artifact they are said to be
    ├── UnverifiableError     13   no verdict can be reached
    │   ├── KeyringError      13   no usable key: missing, malformed, too short, too open to others
    │   └── SealRefusedError  13   the tree holds what could not be told apart or verified later
    └── PublishError           1   the artifacts could not be written; earlier ones are untouched

Guarantees: every message is one line a person can act on, no field ever holds key material, and the
exit code is part of the type. What a verification finds is not an error: it is a
`duri.verdict.Finding`.
"""


class DuriError(Exception):
    """A failure with its parts kept apart, so that a person and a program read the same facts."""

    exit_code = 1

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        expected: str | None = None,
        got: str | None = None,
        todo: str | None = None,
    ) -> None:
        """Keep the parts; none of them may hold a secret."""
        super().__init__(what)
        self.what = what
        self.where = where
        self.expected = expected
        self.got = got
        self.todo = todo

    def __str__(self) -> str:
        """Return the parts as one line: where: what; expected …, got …; what to do."""
        line = f"{self.where}: {self.what}" if self.where else self.what
        if self.expected is not None:
            line += f"; expected {self.expected}"
        if self.got is not None:
            line += f"{', ' if self.expected is not None else '; '}got {self.got}"
        end = "\n" if "\n" in line else ". "
        return f"{line}{end}{self.todo}" if self.todo else line


class UsageError(DuriError):
    """The call itself is wrong."""

    exit_code = 2


class MalformedError(DuriError):
    """Bytes that are not what their name says."""

    exit_code = 11


class UnverifiableError(DuriError):
    """No verdict can be reached."""

    exit_code = 13


class KeyringError(UnverifiableError):
    """No usable key."""


class SealRefusedError(UnverifiableError):
    """The tree holds what could not be verified later."""


class PublishError(DuriError):
    """The artifacts could not be written."""
