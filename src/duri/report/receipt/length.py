"""A length of time for a person, in each language of the page."""

from typing import Literal

from duri.times import DAY

Language = Literal["en", "ko"]

_UNITS = {"en": (" d", " h", " min", " s"), "ko": ("일", "시간", "분", "초")}


def duration(seconds: int, *, language: Language = "en") -> str:
    """Return "2 d 3 h", "4 min 5 s", "6 s": the two largest units."""
    units = _UNITS[language]
    parts = []
    for unit, size in zip(units, (DAY, 3600, 60, 1), strict=True):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or f"0{units[-1]}"
