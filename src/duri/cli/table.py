"""Options as data: read plainly where a boot waits, and by click for help and for errors.

Importing click costs a gate more than reading two thousand files. So the options of the commands
that verify are declared once, here as values; `plain` reads the usual form of a call, and whatever
it does not recognise at once is left to click, which is made from the same table.

Guarantees: `plain` answers None rather than guess. Where it answers, click would give the same.
"""

from collections.abc import Mapping, Sequence

import msgspec


class Option(msgspec.Struct, frozen=True):
    """One option.

    Attributes:
        name: what the value is called, as the settings call it.
        flag: as typed, such as `--keyring`.
        help: one line.
        metavar: how help shows the value; None for a switch.
        choices: the words it takes; any when empty.
        least: the smallest number it takes; None where it is no number.
        most: the largest one.
    """

    name: str
    flag: str
    help: str
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None

    @property
    def is_switch(self) -> bool:
        """Whether it stands alone."""
        return self.metavar is None and not self.choices


KEYRING = Option("keyring", "--keyring", "The keyring [DURI_KEYRING, DURI_HMAC_KEY_FILE].", "FILE")
ARTIFACTS = Option("artifacts", "--artifacts", "The artifacts, not .duri [DURI_ARTIFACTS].", "DIR")
PRODUCT = Option("product", "--product", "What is released [DURI_PRODUCT].", "P")
ENVIRONMENT = Option("environment", "--environment", "Where it runs [DURI_ENV].", "E")
MODE = Option(
    "mode",
    "--mode",
    "lenient is never obeyed in prod [DURI_INTEGRITY_MODE].",
    choices=("strict", "lenient"),
)
ALGORITHM = Option(
    "algorithm",
    "--algorithm",
    "The hash of the files [DURI_HASH_ALGORITHM].",
    choices=("sha256", "sha512", "blake3"),
)
THREADS = Option("threads", "--threads", "Readers at once [DURI_THREADS].", "N", least=1, most=256)
CONFIG = Option("config", "--config", "A duri.toml, believed wherever it lies.", "FILE")
QUIET = Option("quiet", "--quiet", "No progress, no hints.")
LOG_FORMAT = Option(
    "log_format", "--log-format", "Of what is logged [DURI_LOG_FORMAT].", choices=("text", "json")
)
VERIFYING = (
    KEYRING,
    ARTIFACTS,
    PRODUCT,
    ENVIRONMENT,
    Option(
        "minimum_sequence",
        "--minimum-sequence",
        "An older release is refused [DURI_MINIMUM_SEQUENCE].",
        "N",
        least=0,
    ),
    Option("state", "--state", "Keeps the floor and the latest time seen [DURI_STATE].", "FILE"),
    Option(
        "authorization",
        "--authorization",
        "Permission for one release below the floor [DURI_AUTHORIZATION].",
        "FILE",
    ),
    THREADS,
    CONFIG,
)
"""What every command that verifies takes."""
JUDGING = (*VERIFYING, LOG_FORMAT)
"""And what one takes that logs what it finds; `duri verify` prints it."""

_MOST_DIGITS = 18


def plain(options: Sequence[Option], words: Sequence[str]) -> dict[str, object] | None:
    """Return the values of a call in its usual form, ROOT as "root"; None leaves it to click.

    Args:
        options: what the command takes.
        words: what was typed behind the command's name.
    """
    by_flag = {option.flag: option for option in options}
    values: dict[str, object] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        option = by_flag.get(word)
        if option is None:
            if word.startswith("-") or not word or "root" in values:
                return None
            values["root"] = word
            continue
        value: object = True
        if not option.is_switch:
            value = _value(option, rest.pop(0)) if rest else None
        if value is None or option.name in values:
            return None
        values[option.name] = value
    return values


def _value(option: Option, word: str) -> str | int | None:
    if word.startswith("-") or not word:
        return None
    if option.choices:
        return word if word in option.choices else None
    if option.least is None:
        return word
    if not (word.isascii() and word.isdigit() and len(word) <= _MOST_DIGITS):
        return None
    number = int(word)
    fits = option.least <= number and (option.most is None or number <= option.most)
    return number if fits else None


def defaults(options: Sequence[Option], values: Mapping[str, object]) -> dict[str, object]:
    """Return a value for each option and for "root": None, or False for a switch not given."""
    missing = {option.name: False if option.is_switch else None for option in options}
    return {"root": None, **missing, **values}
