"""Numbers, sizes, spans and times as a person reads them, in each language.

Guarantees: pure; the words of relative times are those of `Intl.RelativeTimeFormat`, so `page.js`
goes on counting in the same words. Absolute times are UTC and say so: an incident is told across
machines and people.
"""

from datetime import UTC, datetime

from duri.watch.page.languages import Code

_UNITS = ((86_400, "day", "일"), (3600, "hour", "시간"), (60, "minute", "분"), (1, "second", "초"))

_THOUSAND = 1000

_PREFIXES = ("B", "kB", "MB", "GB", "TB", "PB", "EB")

_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"

_LAST_SECOND = 253_402_300_799
"""The end of the year 9999, where Python's calendar ends."""


def number(value: int) -> str:
    """Return "12,345"; both languages group by thousands with commas."""
    return f"{value:,}"


def size(value: int) -> str:
    """Return "1.2 MB": decimal prefixes, three digits at the most."""
    scaled = float(value)
    for prefix in _PREFIXES:
        # 999.6 would read "1000" where the next prefix reads "1.0".
        if scaled < _THOUSAND - 0.5 or prefix == _PREFIXES[-1]:
            break
        scaled /= _THOUSAND
    whole = prefix == "B" or scaled >= 99.95  # noqa: PLR2004 - three digits
    return f"{scaled:,.0f} {prefix}" if whole else f"{scaled:.1f} {prefix}"


def milliseconds(value: int, *, code: Code) -> str:
    """Return "42 ms", "1.3 s", "2 min 5 s"."""
    if value < _THOUSAND:
        return f"{value} ms"
    seconds = value / _THOUSAND
    if seconds < 59.95:  # noqa: PLR2004 - what rounds to a minute
        return f"{seconds:.1f}초" if code == "ko" else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes:,}분 {rest}초" if code == "ko" else f"{minutes:,} min {rest} s"


def span(seconds: float, *, code: Code) -> str:
    """Return "3 days 4 hours", "2 minutes": the two largest units from an hour on, one below."""
    left = max(0, int(seconds))
    parts: list[str] = []
    for length, english, korean in _UNITS:
        count, left = divmod(left, length)
        if parts and (count == 0 or length < 60):  # noqa: PLR2004 - seconds beside minutes say nothing
            break
        if count or length == 1:
            parts.append(_counted(count, english, korean, code))
        if len(parts) == 2:  # noqa: PLR2004 - two units
            break
    return " ".join(parts)


def relative(seconds: float, *, code: Code) -> str:
    """Return "3 minutes ago" for -180 and "in 3 minutes" for 180; one unit, cut, not rounded."""
    away = int(abs(seconds))
    length, english, korean = next((unit for unit in _UNITS if away >= unit[0]), _UNITS[-1])
    text = _counted(away // length, english, korean, code)
    if seconds > 0 and away > 0:
        return f"{text} 후" if code == "ko" else f"in {text}"
    return f"{text} 전" if code == "ko" else f"{text} ago"


def machine_time(at: float) -> str:
    """Return RFC 3339 in UTC, for `datetime` attributes."""
    return _calendar(at).strftime("%Y-%m-%dT%H:%M:%SZ")


def absolute(at: float, *, now: float, code: Code) -> str:
    """Return the time in UTC, with the date where it is not that of `now`."""
    moment, today = _calendar(at), _calendar(now)
    clock = moment.strftime("%H:%M:%S UTC")
    if moment.date() == today.date():
        return clock
    if code == "ko":
        return f"{moment.year}년 {moment.month}월 {moment.day}일 {clock}"
    # strftime's names of months follow the process's locale.
    month = _MONTHS[3 * moment.month - 3 : 3 * moment.month]
    return f"{moment.day} {month} {moment.year}, {clock}"


def percent(share: float) -> str:
    """Return "99.9 %" for 0.9995: cut, never rounded up to a whole that it is not."""
    tenths = int(min(max(share, 0.0), 1.0) * 1000 + 1e-9)
    return f"{tenths // 10}%" if tenths % 10 == 0 else f"{tenths / 10:.1f}%"


def _counted(count: int, english: str, korean: str, code: Code) -> str:
    if code == "ko":
        return f"{count:,}{korean}"
    return f"{count:,} {english}{'' if count == 1 else 's'}"


def _calendar(at: float) -> datetime:
    return datetime.fromtimestamp(min(max(at, 0.0), _LAST_SECOND), UTC)
