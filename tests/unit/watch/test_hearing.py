"""Hearing of changes: from a real descriptor, until it can be read no more."""

import asyncio
import errno
import os
from collections.abc import Iterator
from typing import cast

import msgspec
import pytest
from tests.unit.watch.clocks import Hands

from duri.tree.events import Changes, Watcher
from duri.watch.hearing import COALESCE, Hearing

NOTHING = Changes()
FAILED = Changes(folders=((b"lib", False),), events=1, lost=True, failed=errno.EIO)


class Queue:
    """A kernel's queue that is readable all the time: a pipe that nobody empties."""

    def __init__(self, *answers: Changes) -> None:
        self.reads = 0
        self._answers = answers
        self._out, self._in = os.pipe()
        os.write(self._in, b"x")

    def fileno(self) -> int:
        """Return what is waited for."""
        return self._out

    def read(self) -> Changes:
        """Give the answers in turn, the last one for ever."""
        self.reads += 1
        return self._answers[min(self.reads, len(self._answers)) - 1]

    def close(self) -> None:
        """Close both ends."""
        os.close(self._out)
        os.close(self._in)


class Heard:
    """What a `Hearing` told."""

    def __init__(self) -> None:
        self.changes: list[Changes] = []
        self.deaf: list[OSError] = []
        self.hearing = Hearing(Hands().clock, self.changes.append, self.deaf.append)

    def listen(self, *queues: Queue, seconds: float) -> None:
        """Listen to one queue after the other, each for so long, then to none."""

        async def run() -> None:
            for queue in queues:
                self.hearing.follow(cast("Watcher", queue))
                await asyncio.sleep(seconds)
            self.hearing.follow(None)

        asyncio.run(run())


@pytest.fixture
def queues() -> Iterator[list[Queue]]:
    """Return a list; what is put into it is closed."""
    made: list[Queue] = []
    yield made
    for queue in made:
        queue.close()


def test_what_is_named_is_pending_and_told(queues: list[Queue]) -> None:
    heard = Heard()
    queues.append(Queue(Changes(folders=((b"lib", True),), events=3), NOTHING))
    heard.listen(queues[0], seconds=5 * COALESCE)
    assert [changes.events for changes in heard.changes] == [3]
    assert heard.hearing.moved_at == Hands().now
    named = heard.hearing.pending.take()
    assert named.folders == ((b"lib", True),)
    assert not named.everything
    assert not heard.deaf


def test_queue_that_stays_readable_is_read_now_and_then(queues: list[Queue]) -> None:
    heard = Heard()
    queues.append(Queue(NOTHING))
    heard.listen(queues[0], seconds=20 * COALESCE)
    assert 2 <= queues[0].reads <= 21


def test_queue_that_fails_is_told_once_and_listened_to_no_more(queues: list[Queue]) -> None:
    heard = Heard()
    queues.append(Queue(FAILED))
    heard.listen(queues[0], seconds=20 * COALESCE)
    assert queues[0].reads == 1
    assert [error.errno for error in heard.deaf] == [errno.EIO]
    assert heard.hearing.pending.take().everything


def test_another_queue_is_listened_to_after_one_that_failed(queues: list[Queue]) -> None:
    heard = Heard()
    changed = Changes(folders=((b"lib", False),), events=1)
    queues += [Queue(FAILED), Queue(changed, NOTHING)]
    heard.listen(*queues, seconds=5 * COALESCE)
    assert changed in heard.changes
    assert queues[1].reads > 1
    assert len(heard.deaf) == 1


def test_only_the_last_queue_that_was_named_is_listened_to(queues: list[Queue]) -> None:
    heard = Heard()
    queues += [Queue(NOTHING), Queue(NOTHING)]
    heard.listen(queues[0], seconds=3 * COALESCE)
    before = queues[0].reads
    heard.listen(queues[1], seconds=5 * COALESCE)
    assert (queues[0].reads, queues[1].reads > 1) == (before, True)


def test_lost_events_ask_for_everything(queues: list[Queue]) -> None:
    heard = Heard()
    queues.append(Queue(msgspec.structs.replace(FAILED, failed=None), NOTHING))
    heard.listen(queues[0], seconds=3 * COALESCE)
    assert heard.hearing.pending.take().everything
    assert not heard.deaf
    assert queues[0].reads > 1
