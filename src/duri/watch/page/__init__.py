"""The status page: the answer in one look, for a person who was woken for it.

    html = render(snapshot, language=choose_language(accept_language), now=time.time())

Guarantees: the page is whole without JavaScript, and needs nothing from anywhere else; it keeps
`default-src 'none'` with scripts, styles, images and connections of its own origin. Serving it,
`ASSETS` and the events that `page.js` listens to is left to the HTTP application.
"""

from duri.watch.page.assets import ASSETS, Asset
from duri.watch.page.document import render
from duri.watch.page.languages import choose_language

__all__ = ["ASSETS", "Asset", "choose_language", "render"]
