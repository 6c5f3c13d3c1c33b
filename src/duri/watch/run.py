"""A whole watcher: its parts put together, its signals, its end.

    loop         looks at the release          http    answers Prometheus, the kubelet, people
    publication  tells what was found          writer  keeps it on disk

Guarantees: the watch begins whether or not its outputs work. SIGTERM and SIGINT end it in under a
second, with a last receipt; SIGHUP reads settings, keyring and policy again.
"""

import asyncio
import contextlib
import gc
import os
import platform
import resource
import signal
import threading
from collections.abc import Callable, Sequence

import msgspec
from prometheus_client import CollectorRegistry

import duri
from duri.report import metrics, textfile
from duri.report.receipt import key, query
from duri.report.receipt import log as receipts
from duri.settings import Settings, Supervisor
from duri.tree import priority, scan
from duri.watch import history, page, past, places, systemd
from duri.watch.clock import Clock
from duri.watch.counts import Counts
from duri.watch.examination import Subject
from duri.watch.http import listen
from duri.watch.http.app import make_app
from duri.watch.http.server import Server
from duri.watch.log import Log
from duri.watch.loop import Loop
from duri.watch.publication import Publication
from duri.watch.snapshot import Snapshot
from duri.watch.writer import Writer

_DESCRIPTORS = 8192
"""A thousand connections and a scan's folders together stay well below."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a call asks for.

    Attributes:
        nice: how far full scans stand back for others, 0 to 19.
        io_class: `idle` or `best-effort`: when the disk reads for them.
        reload: reads the settings again.
    """

    subject: Subject
    supervisor: Supervisor
    nice: int = 10
    io_class: str = "idle"
    reload: Callable[[], Settings]
    write_log: Callable[[bytes], None]


def run(plan: Plan, *, clock: Clock, draw: Callable[[], float]) -> int:
    """Watch until a signal ends it; return the exit code."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return asyncio.run(_run(plan, clock, draw))


class _Service:
    """The watcher, as its readers over HTTP see it."""

    def __init__(
        self, publication: Publication, loop: Loop, registry: CollectorRegistry, receipts: str
    ) -> None:
        self._publication = publication
        self._loop = loop
        self._registry = registry
        self._receipts = receipts

    def snapshot(self) -> Snapshot:
        shown = self._publication.snapshot
        if shown.scanning is None:
            return shown
        return msgspec.structs.replace(shown, scanning=self._loop.running.scanning())

    async def changed(self, version: int) -> None:
        await self._publication.wait(version)

    def exposition(self, *, openmetrics: bool) -> bytes:
        return metrics.exposition(self._registry, openmetrics=openmetrics)

    def stuck(self) -> str | None:
        return self._loop.stuck()

    async def receipts(self, *, after: int, limit: int) -> Sequence[bytes]:
        return await asyncio.to_thread(lambda: query.tail(self._receipts, after=after, limit=limit))


async def _run(plan: Plan, clock: Clock, draw: Callable[[], float]) -> int:
    subject, settings = plan.subject, plan.subject.settings
    where = listen.parse(settings.listen)
    log = Log(plan.write_log, as_json=settings.log_format == "json", wall=clock.wall)
    told = systemd.supervisor(
        notify_socket=plan.supervisor.notify_socket,
        watchdog_usec=plan.supervisor.watchdog_usec,
        watchdog_pid=plan.supervisor.watchdog_pid,
        own_pid=subject.own_pid,
    )
    folder = places.receipts(settings, plan.supervisor, subject.target.root)
    exported = places.textfile(settings)
    if subject.target.is_ours:
        places.refuse_inside(subject.target.root, receipts=folder, textfile=exported)
    registry = CollectorRegistry()
    publication = Publication(
        subject,
        clock=clock,
        log=log,
        counts=Counts(
            registry,
            build=metrics.Build(
                version=duri.__version__,
                python=platform.python_version(),
                kernel=scan.kernel(),
            ),
            started_at=clock.wall(),
            before=metrics.failures_in(textfile.read(exported)) if exported else None,
        ),
        told=told,
        past=history.restore(past.records(folder, now=clock.wall()), now=clock.wall()),
        boot=places.boot_id(),
    )
    publication.writer = Writer(
        open_receipts=lambda: _open_receipts(folder, settings, clock),
        textfile_path=exported,
        exposition=lambda: metrics.exposition(registry),
        wall=clock.wall,
        changed=publication.disk,
        failed=publication.failed,
    )
    loop = Loop(
        subject,
        publication,
        clock=clock,
        draw=draw,
        polite=lambda: _stand_back(plan.nice, plan.io_class),
        reload=plan.reload,
    )
    service = _Service(publication, loop, registry, folder)
    server = None
    if where is not None:
        server = Server(
            make_app(service, page=page, clock=clock.wall),
            where=where,
            on_change=lambda: publication.served(*_state(server)),
            on_failure=lambda sentence: log.say("watch.http", level="error", reason=sentence),
        )
    try:
        return await _live(publication, loop, server)
    finally:
        log.close()


async def _live(publication: Publication, loop: Loop, server: Server | None) -> int:
    ending: list[str] = []
    running = asyncio.get_running_loop()

    def end(name: str) -> None:
        ending.append(name)
        loop.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        running.add_signal_handler(number, end, number.name)
    running.add_signal_handler(signal.SIGHUP, loop.reload)
    serving = None if server is None else asyncio.create_task(server.run())
    publication.started()
    # What was imported stays: looking for garbage in it again and again costs an idle process most.
    gc.collect()
    gc.freeze()
    try:
        await loop.run()
    finally:
        publication.ended(ending[0] if ending else None)
        await publication.writer.close()
        if server is not None and serving is not None:
            await server.stop()
            await serving
    return 0


def _state(server: Server | None) -> tuple[str | None, str | None]:
    return (None, None) if server is None else (server.address, server.problem)


def _open_receipts(folder: str, settings: Settings, clock: Clock) -> receipts.Log:
    places.make(folder)
    now = clock.wall()
    signer = key.open_or_make(folder, settings.receipt_key, now=int(now))
    return receipts.Log.open(folder, signer=signer, now=now)


def _stand_back(nice: int, io_class: str) -> None:
    """Have this thread and those it starts stand back for others; what is refused stays undone."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)
    with contextlib.suppress(OSError):
        priority.set_io_priority(io_class)
