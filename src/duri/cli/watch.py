"""`duri watch`: keep proving that what runs is what was released."""

import gc
import os
import random
from collections.abc import Mapping, Sequence

import msgspec

from duri.cli import judgement
from duri.cli.table import JUDGING, MODE, Option
from duri.errors import UsageError
from duri.setting import (
    MAX_INTERVAL,
    MAX_SETTLE,
    MAX_STAT_PASSES,
    MIN_BYTES_PER_SECOND,
    MIN_INTERVAL,
)
from duri.settings import Settings

_MAX_NICE = 19
_THREADS = 4

OPTIONS = (
    Option("root_option", "--root", "The same as ROOT.", "DIR"),
    Option("target_pid", "--target-pid", "Watch the root of this process.", "PID", least=1),
    Option(
        "target_process",
        "--target-process",
        "Watch the root of the process of this name [DURI_TARGET_PROCESS].",
        "NAME",
    ),
    Option("same_container", "--same-container", "The application runs in this very container."),
    Option(
        "interval",
        "--interval",
        "Seconds between full scans [DURI_INTEGRITY_INTERVAL, 300].",
        "S",
        least=MIN_INTERVAL,
        most=MAX_INTERVAL,
    ),
    Option(
        "stat_passes",
        "--stat-passes",
        "Scans in between, reading only what changed [DURI_STAT_PASSES, 4].",
        "N",
        least=0,
        most=MAX_STAT_PASSES,
    ),
    Option(
        "settle",
        "--settle",
        "Judge changes after this many quiet seconds [DURI_SETTLE, 0].",
        "S",
        least=0,
        most=MAX_SETTLE,
    ),
    Option(
        "max_bytes_per_second",
        "--max-bytes-per-second",
        "What full scans read at most [DURI_MAX_BYTES_PER_SECOND].",
        "N",
        least=MIN_BYTES_PER_SECOND,
    ),
    Option("nice", "--nice", "How far full scans stand back [10].", "N", least=0, most=_MAX_NICE),
    Option(
        "io_class",
        "--io-class",
        "When the disk reads for full scans [idle].",
        choices=("idle", "best-effort"),
    ),
    Option("no_fanotify", "--no-fanotify", "Do not ask who changed what."),
    Option("no_events", "--no-events", "Find changes by scans alone."),
    Option(
        "listen",
        "--listen",
        "HOST:PORT of metrics, probes and page, or none [DURI_LISTEN, :9101].",
        "ADDRESS",
    ),
    Option(
        "textfile",
        "--textfile",
        "Metrics for a textfile collector [DURI_TEXTFILE, /metrics/integrity.prom].",
        "FILE",
    ),
    Option("receipts", "--receipts", "Folder of the receipts [DURI_RECEIPTS].", "DIR"),
    Option("receipt_key", "--receipt-key", "The key that signs them [DURI_RECEIPT_KEY].", "FILE"),
    *JUDGING,
    MODE,
)


def run(values: Mapping[str, object], program: Sequence[str] = ()) -> int:
    """Watch ROOT: see changes as they happen, scan it regularly, tell what is found.

    It answers on port 9101: /metrics, /readyz, /livez, /api/v1/status, and a page at /. SIGTERM
    ends it, SIGHUP reads settings, keyring and policy again.
    """
    del program
    gc.enable()  # a short command does without
    from duri import settings
    from duri.cli.ending import write_error
    from duri.tree import heap
    from duri.watch import clock
    from duri.watch import run as watch
    from duri.watch.examination import Subject
    from duri.watch.target import Target, bind

    heap.share()
    values = _with_root(values)
    root, known = judgement.load(values)
    known = _with_threads(known)
    supervisor = settings.supervisor()
    pid = values["target_pid"]
    if pid is not None and values["target_process"] is not None:
        raise UsageError("both --target-pid and --target-process name a process; give one")
    target = bind(
        Target(
            root=root,
            pid=pid if isinstance(pid, int) else None,
            process=known.target_process if pid is None else None,
            same_container=bool(values["same_container"]),
        )
    )
    nice, io_class = values["nice"], values["io_class"]
    plan = watch.Plan(
        subject=Subject(
            target=target,
            settings=known,
            in_kubernetes=supervisor.in_kubernetes,
            own_pid=os.getpid(),
            with_events=not values["no_events"],
            with_fanotify=not values["no_fanotify"],
        ),
        supervisor=supervisor,
        nice=nice if isinstance(nice, int) else 10,
        io_class=io_class if isinstance(io_class, str) else "idle",
        reload=lambda: _with_threads(judgement.load(values)[1]),
        write_log=write_error,
    )
    return watch.run(plan, clock=clock.system(), draw=random.SystemRandom().random)


def _with_threads(known: Settings) -> Settings:
    """Read with few threads unless somebody asked for more: each takes from others."""
    if "threads" in known.sources:
        return known
    return msgspec.structs.replace(known, threads=_THREADS)


def _with_root(values: Mapping[str, object]) -> Mapping[str, object]:
    named = values["root_option"]
    if named is None:
        return values
    if values["root"] is not None:
        raise UsageError("the root is named twice", got=f"{values['root']} and --root {named}")
    return {**values, "root": named}
