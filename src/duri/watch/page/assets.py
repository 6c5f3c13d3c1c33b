"""The page's own style sheet, script and icons, as they are served under `/static/`.

Guarantees: each file is read once, when it is first asked for; a name that is not an asset is a
KeyError, so no request reaches the file system with a name of its own. An icon says its state by
colour and by sign, since colour alone says too little.
"""

import os.path
from collections.abc import Iterator, Mapping

import msgspec

_FOLDER = os.path.join(os.path.dirname(__file__), "static")

_TYPES = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
}

_COLOURS = {
    "starting": "#57606a",
    "updating": "#0a5cc2",
    "verified": "#1a7f37",
    "policy_changed": "#9a6700",
    "corrupted": "#c5221f",
    "tampered": "#8b1a8b",
    "unverifiable": "#57606a",
}

_SIGNS = {
    "starting": "M5 8h.01M8 8h.01M11 8h.01",
    "updating": "M8 4v7M5 8.5l3 3 3-3",
    "verified": "M4.5 8.5l2.5 2.5 4.5-5.5",
    "policy_changed": "M8 4v5M8 11.8v.2",
    "corrupted": "M5 5l6 6M11 5l-6 6",
    "tampered": "M4 4l8 8M8 3.5v4M8 11.8v.2",
    "unverifiable": "M6 6.2a2 2 0 1 1 2.6 2c-.5.2-.6.6-.6 1.2M8 11.8v.2",
}

_ICON = "icon-{}.svg"


def icon_of(state: str) -> str:
    """Return the name of the icon for a state of the page."""
    return _ICON.format(state)


_STATES = {icon_of(state): state for state in _COLOURS}


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """One file and the media type it is served with."""

    content: bytes
    content_type: str


class _Assets(Mapping[str, Asset]):
    """The assets by name, read when they are needed."""

    def __init__(self) -> None:
        self._read: dict[str, Asset] = {}

    def __getitem__(self, name: str) -> Asset:
        asset = self._read.get(name)
        if asset is None:
            asset = self._read[name] = _icon(_STATES[name]) if name in _STATES else _file(name)
        return asset

    def __iter__(self) -> Iterator[str]:
        return iter((*_TYPES, *_STATES))

    def __len__(self) -> int:
        return len(_TYPES) + len(_STATES)


def _file(name: str) -> Asset:
    content_type = _TYPES[name]
    with open(os.path.join(_FOLDER, name), "rb") as file:
        return Asset(content=file.read(), content_type=content_type)


def _icon(state: str) -> Asset:
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
        f'<circle cx="8" cy="8" r="8" fill="{_COLOURS[state]}"/>'
        f'<path d="{_SIGNS[state]}" fill="none" stroke="#fff" stroke-width="2" '
        'stroke-linecap="round" stroke-linejoin="round"/></svg>'
    )
    return Asset(content=svg.encode(), content_type="image/svg+xml")


ASSETS: Mapping[str, Asset] = _Assets()
"""What the page asks for besides itself, by the name after `/static/`."""
