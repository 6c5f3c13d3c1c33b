"""What the page says, in English and Korean, and which of them a browser asked for.

Guarantees: both languages have the same keys, so a sentence is never missing in one of them. The
English for a kind of finding and for a step is that of `duri.report`, word for word; the Korean
translates it. Neither language says anything about a release: values are put in by `Language`.
"""

import os.path
from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

from duri.report.kinds import MEANINGS

Code: TypeAlias = Literal["en", "ko"]

_read: dict[Code, Mapping[str, str]] = {}
"""Each language's words, read once; a file of the package does not change while it runs."""

_MAX_RANGES = 16
"""Languages looked at in one header: browsers send a handful."""


def choose_language(accept_language: str | None) -> Code:
    """Return the language for an `Accept-Language` header (RFC 9110, section 12.5.4).

    The one with the higher weight wins, the first of two equal ones; English where neither is
    asked for, and for a header that is no list of languages.
    """
    best: Code = "en"
    best_weight = 0.0
    for part in (accept_language or "").split(",")[:_MAX_RANGES]:
        tag, _, parameter = part.partition(";")
        primary = tag.strip().lower().partition("-")[0]
        weight = _weight(parameter)
        if weight > best_weight and (primary == "ko" or primary in {"en", "*"}):
            best, best_weight = ("ko" if primary == "ko" else "en"), weight
    return best


def words(code: Code) -> Mapping[str, str]:
    """Return the words of a language by key."""
    known = _read.get(code)
    if known is None:
        path = os.path.join(os.path.dirname(__file__), f"{code}.json")
        with open(path, "rb") as file:
            own = msgspec.json.decode(file.read(), type=dict[str, str])
        known = _kinds() | own if code == "en" else own
        _read[code] = known
    return known


def translated(sentence: str, *, code: Code) -> str:
    """Return a step of `duri.report.advice` in a language; as it is where nobody translated it."""
    return sentence if code == "en" else words(code).get(f"step {sentence}", sentence)


def _kinds() -> dict[str, str]:
    return {
        key: text
        for kind, meaning in MEANINGS.items()
        for key, text in (
            (f"kind.{kind.value}", meaning.title),
            (f"kind.{kind.value}.help", meaning.help),
        )
    }


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if not name:
        return 1.0
    if name.strip().lower() != "q":
        return 0.0
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0
