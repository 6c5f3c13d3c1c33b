"""The words of one page: a language and the moment it is read at, for the templates.

Guarantees: a key that a language lacks is a KeyError, so a page never shows a hole; values are put
into sentences once, so braces in a name from the tree are only braces.
"""

from duri.watch.page import formats
from duri.watch.page.languages import Code, words


class Wording:
    """Says things in one language at one moment."""

    def __init__(self, code: Code, *, now: float) -> None:
        self.code = code
        self.now = now
        self._words = words(code)

    def __call__(self, key: str, **values: str | int) -> str:
        """Return the sentence of a key with its values."""
        return self._words[key].format(**values) if values else self._words[key]

    def count(self, key: str, number: int) -> str:
        """Return the sentence of a key for a number: "1 finding", "2,262 findings"."""
        form = "one" if number == 1 else "other"
        return self._words[f"{key}.{form}"].format(n=formats.number(number))

    def number(self, value: int) -> str:
        """Return a number with its thousands apart."""
        return formats.number(value)

    def size(self, value: int) -> str:
        """Return a number of bytes."""
        return formats.size(value)

    def milliseconds(self, value: int) -> str:
        """Return a duration that was measured in milliseconds."""
        return formats.milliseconds(value, code=self.code)

    def span(self, seconds: float) -> str:
        """Return a duration."""
        return formats.span(seconds, code=self.code)

    def ago(self, at: float) -> str:
        """Return how long ago, or in how long."""
        return formats.relative(at - self.now, code=self.code)

    def clock(self, at: float) -> str:
        """Return a time of day, with the date where it is not today's."""
        return formats.absolute(at, now=self.now, code=self.code)

    def clock_after(self, at: float, before: float) -> str:
        """Return a time of day beside an earlier one, with the date where it is another day's."""
        return formats.absolute(at, now=before, code=self.code)
