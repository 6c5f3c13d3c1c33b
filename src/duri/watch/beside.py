"""A full scan that runs beside the other looks, and what they found meanwhile.

Guarantees: what it found is taken over only where it was about the same folder, the same evidence
and the same settings as now; whatever was looked at while it ran is looked at once more after it,
since it may have read a file before that file changed.
"""

import asyncio

from duri.watch.examination import Depth, Examined, Standing, Subject, is_same
from duri.watch.pending import Named, Pending


class Beside:
    """One full scan in the background.

    Args:
        task: the look.
        subject: what was under watch when it began.
        standing: what it began from.
    """

    def __init__(
        self, task: asyncio.Task[Examined | None], subject: Subject, standing: Standing | None
    ) -> None:
        self.task = task
        self._subject = subject
        self._standing = standing
        self._meanwhile = Pending()

    def note(self, named: Named, depth: Depth) -> None:
        """Remember what another look was about."""
        whole = depth is not Depth.PARTIAL
        self._meanwhile.add_named(Named(everything=True) if whole else named)

    def meanwhile(self) -> Named:
        """Return what is to be looked at once more."""
        return self._meanwhile.take()

    def counts(self, subject: Subject, standing: Standing | None) -> bool:
        """Return whether what it found is about what is under watch now."""
        return subject is self._subject and is_same(self._standing, standing)
