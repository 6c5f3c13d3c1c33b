"""Progress on a terminal for whatever takes longer than a second; silent when piped.

Guarantees: nothing is imported or drawn before the second is over, so short runs pay nothing.
"""

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from duri.tree.scan import Progress

if TYPE_CHECKING:
    import threading  # loaded where something is drawn

_PATIENCE_SECONDS = 1.0
_REFRESH_SECONDS = 0.1


@contextlib.contextmanager
def shown(label: str, *, quiet: bool) -> Iterator[Progress]:
    """Show the counters of a scan while it runs: files, bytes, rate, and the time left if known."""
    progress = Progress()
    if quiet or not sys.stderr.isatty():
        yield progress
        return
    import threading

    finished = threading.Event()
    drawer = threading.Thread(target=_draw, args=(label, progress, finished), daemon=True)
    drawer.start()
    try:
        yield progress
    finally:
        finished.set()
        drawer.join()


def _draw(label: str, progress: Progress, finished: "threading.Event") -> None:
    if finished.wait(_PATIENCE_SECONDS):
        return
    from rich import progress as bars
    from rich.console import Console

    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(bar_width=24),
        bars.TextColumn("{task.fields[files]} files"),
        bars.DownloadColumn(binary_units=True),
        bars.TransferSpeedColumn(),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=Console(stderr=True), transient=True) as drawn:
        task = drawn.add_task(label, total=None, files="0")
        while not finished.wait(_REFRESH_SECONDS):
            files = f"{progress.files:,}"
            if progress.total_files is not None:
                files += f" of {progress.total_files:,}"
            drawn.update(task, completed=progress.bytes, total=progress.total_bytes, files=files)
