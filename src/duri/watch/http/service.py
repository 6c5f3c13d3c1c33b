"""What the HTTP server is served by: the watcher behind it and the page it shows.

Guarantees: the routes reach nothing but these two. Everything here is called in the event loop's
thread, so an implementation needs no lock and must not block.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from duri.watch.snapshot import Snapshot


class Service(Protocol):
    """The watcher, as its readers see it."""

    def snapshot(self) -> Snapshot:
        """Return what is known now."""

    async def changed(self, version: int) -> None:
        """Return once the snapshot's version is greater than `version`; may be cancelled."""

    def exposition(self, *, openmetrics: bool) -> bytes:
        """Return the metrics in Prometheus text 0.0.4, or in OpenMetrics 1.0."""

    def stuck(self) -> str | None:
        """Return why the scan loop makes no progress; None while it does."""

    async def receipts(self, *, after: int, limit: int) -> Sequence[bytes]:
        """Return up to `limit` receipts with a sequence greater than `after`, one line each."""


class Asset(Protocol):
    """A file that the page needs."""

    @property
    def content(self) -> bytes:
        """The file."""

    @property
    def content_type(self) -> str:
        """Its media type."""


class Page(Protocol):
    """The status page; the package `duri.watch.page` is one."""

    @property
    def ASSETS(self) -> Mapping[str, Asset]:  # noqa: N802 - a module's constant
        """Its files by name, served under /static/."""

    def render(self, snapshot: Snapshot, /, *, language: str, now: float) -> str:
        """Return the page as HTML."""

    def choose_language(self, accept_language: str | None, /) -> str:
        """Return the language that an Accept-Language header asks for first."""
