"""A snapshot as a whole HTML page.

Guarantees:

1. Every value is quoted for HTML by the template engine, and a name that is missing is an error,
   never an empty place. Text from the release or the tree is made safe to read before
   (`duri.report.escape`), so neither markup nor the direction of text comes from there.
2. No inline script, no style attribute, nothing from another origin: the page works under
   `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';
   connect-src 'self'`. All addresses are relative, so it works behind a proxy's prefix.
3. Rendering is a function of its arguments. The compiled templates are kept, nothing of a release.
"""

import os.path
from functools import cache
from typing import TYPE_CHECKING

import duri
from duri.report.escape import printable
from duri.watch.page import formats
from duri.watch.page.assets import icon_of
from duri.watch.page.charts import UNWATCHED, name_of
from duri.watch.page.languages import Code, choose_language, words
from duri.watch.page.tree import Text, cut
from duri.watch.page.view import View, view
from duri.watch.page.wording import Wording
from duri.watch.snapshot import Origin, Snapshot

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

SILENCE_SECONDS = 45
"""Without a sign from the watcher for so long, three of its heartbeats, a page is not live."""

_PATTERNS = {
    UNWATCHED: "hatch",
    "policy_changed": "slope",
    "tampered": "cross",
    "unverifiable": "dots",
}


def render(snapshot: Snapshot, *, language: str, now: float) -> str:
    """Return the page, whole.

    Args:
        snapshot: what the watcher knows.
        language: `en` or `ko`; anything else counts as an `Accept-Language` header.
        now: Unix seconds.
    """
    code: Code = choose_language(language)
    shown: View = view(snapshot, code=code, now=now)
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            v=shown,
            w=Wording(code, now=now),
            f=formats,
            words=words(code),
            icon=f"static/{icon_of(shown.state)}",
            silence=SILENCE_SECONDS,
            safe=_safe,
            fill=_fill,
            name_of=name_of,
            origin_command=_command,
            duri_version=duri.__version__,
        )
    )


@cache
def _environment() -> "Environment":
    # Two megabytes and fifty milliseconds that a watcher whose page nobody opens does not pay.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(os.path.join(os.path.dirname(__file__), "templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def _safe(text: str | None) -> str:
    return "" if text is None else printable(text)


def _command(origin: Origin) -> Text:
    return cut(printable(origin.command or ""))


def _fill(name: str) -> "Markup":
    """Return how a status is filled in the strip: a colour, and a pattern where it fails."""
    from markupsafe import Markup

    pattern = _PATTERNS.get(name)
    attributes = Markup('class="{}"').format(name)
    return attributes if pattern is None else Markup('fill="url(#{})"').format(pattern)
