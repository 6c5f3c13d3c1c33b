"""What every scenario is given, and how it says what it found."""

import datetime
import os
import shutil
from dataclasses import dataclass, field

from bench.watch import release
from bench.watch.page import Section
from bench.watch.targets import Figure
from bench.watch.watcher import Watcher

MEGABYTE = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Setup:
    """What is measured, where, from which seed; `corpus` is the tree that figures are about."""

    duri: str
    workdir: str
    checkout: str
    seed: int
    corpus: str = "small"
    variables: dict[str, str] = field(default_factory=dict)

    def home(self, scenario: str) -> str:
        """Return a scenario's own folder, made anew."""
        path = os.path.join(self.workdir, "watch", scenario)
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path, mode=0o700)
        return path

    def release(self, home: str, *, corpus: str | None = None) -> release.Release:
        """Return a sealed copy of a corpus below a scenario's folder."""
        root = os.path.join(home, "release")
        release.copied(corpus or self.corpus, workdir=self.workdir, to=root)
        sealed = release.sealed(root, duri=self.duri, home=os.path.join(home, "keys"))
        # Written back in the middle of a measurement, a copy's pages would count as the watcher's.
        os.sync()
        return sealed

    def watcher(self, root: str, *options: str, keyring: str, home: str) -> Watcher:
        """Return a watcher that is not started yet; each has receipts of its own."""
        place = os.path.join(home, f"watcher-{len(os.listdir(home))}")
        os.makedirs(place)
        return Watcher(
            duri=self.duri,
            root=root,
            keyring=keyring,
            home=place,
            options=options,
            variables=self.variables,
        )


@dataclass(kw_only=True, slots=True)
class Findings:
    """What a scenario collects on its way to a section."""

    name: str
    title: str
    text: str
    head: tuple[str, ...]
    load: str = field(default_factory=lambda: f"{os.getloadavg()[0]:.2f}")
    rows: list[tuple[str, ...]] = field(default_factory=list)
    figures: dict[str, Figure] = field(default_factory=dict)
    samples: dict[str, tuple[float, ...]] = field(default_factory=dict)
    absences: list[tuple[str, str]] = field(default_factory=list)

    def section(self) -> Section:
        """Return the section, dated now."""
        now = datetime.datetime.now(tz=datetime.UTC)
        return Section(
            name=self.name,
            title=self.title,
            text=self.text,
            measured_at=now.strftime("%Y-%m-%d %H:%M UTC"),
            load=self.load,
            head=self.head,
            rows=tuple(self.rows),
            figures=self.figures,
            samples=self.samples,
            absences=tuple(self.absences),
        )


def milliseconds(seconds: float) -> str:
    """Return seconds as milliseconds for a table."""
    return f"{seconds * 1e3:.1f} ms"


def megabytes(kib: float) -> float:
    """Return KiB as megabytes, the smaller of the two units that are called so."""
    return kib * 1024 / MEGABYTE
