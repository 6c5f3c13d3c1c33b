"""`python -m bench`: prepare the corpora, measure, judge, write the report.

Guarantees: results are written after each corpus, so that an interrupted run keeps what it has;
what was left out is in the report with its reason; the exit code says whether the benchmark ran,
not whether the targets were reached.
"""

import argparse
import datetime
import functools
import os
import shlex
import sys
from dataclasses import asdict, dataclass, replace

from bench import contestants, corpora, machine, peers, render, report, rounds, stopwatch
from bench.sample import Absence
from bench.targets import judge

CHECKOUT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WARM = ("source", "small", "large", "usr", *corpora.CURVE)
QUICK = ("source", "small")
COLD_CORPUS = "small"
COLD_THREADS = (1, 2, 4, 8, 16, 32, 64)
EVERYTHING = "everything"


@dataclass(frozen=True, kw_only=True, slots=True)
class Setup:
    """What all measurements of one run share."""

    tools: stopwatch.Tools
    workdir: str
    duri: str
    python: str
    runs: int
    cold_runs: int
    budget: float
    cores: int


def arguments() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    names = [*WARM, "curve"]
    parser.add_argument("--only", help=f"corpora, by comma: {', '.join(names)}; none for cold only")
    parser.add_argument("--runs", type=int, default=7, help="rounds over warm caches (7)")
    parser.add_argument("--cold-runs", type=int, default=3, help="rounds over dropped caches (3)")
    parser.add_argument(
        "--quick", action="store_true", help="source and small, three rounds, no cold"
    )
    parser.add_argument(
        "--cold",
        action=argparse.BooleanOptionalAction,
        help="measure with dropped caches (as root)",
    )
    parser.add_argument(
        "--budget", type=float, default=60.0, help="seconds a contestant and corpus (60)"
    )
    parser.add_argument(
        "--keep", action="store_true", help="keep results of corpora not measured now"
    )
    parser.add_argument(
        "--render-only", action="store_true", help="draw the results there are anew"
    )
    parser.add_argument("--out", default=os.path.join(CHECKOUT, "docs", "benchmarks"))
    parser.add_argument("--workdir", default=os.path.join(CHECKOUT, ".bench"))
    parser.add_argument("--duri", default=os.path.join(CHECKOUT, ".venv", "bin", "duri"))
    parser.add_argument("--python", help="the interpreter of `python -c pass`; the one beside duri")
    return parser


def chosen(only: str | None, *, quick: bool) -> list[str]:
    """Return the corpora to measure warm.

    Raises:
        BenchError: a name is unknown.
    """
    if only is None:
        return list(QUICK if quick else WARM)
    names: list[str] = []
    for name in filter(None, only.split(",")):
        if name == "none":
            continue
        if name != "curve" and name not in WARM:
            message = f"no corpus {name!r}; there are {', '.join(WARM)} and curve"
            raise stopwatch.BenchError(message)
        names += corpora.CURVE if name == "curve" else (name,)
    return names


def main(argv: list[str]) -> int:
    """Run the benchmark."""
    options = arguments().parse_args(argv)
    try:
        names = chosen(options.only, quick=options.quick)
        if options.render_only:
            with open(os.path.join(options.out, "results.json"), encoding="utf-8") as file:
                write(report.load(file.read()), out=options.out)
            return 0
        _measure(options, names)
    except stopwatch.BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def _measure(options: argparse.Namespace, names: list[str]) -> None:
    workdir, out = os.path.abspath(options.workdir), os.path.abspath(options.out)
    os.makedirs(workdir, exist_ok=True)
    beside = os.path.join(os.path.dirname(os.path.abspath(options.duri)), "python")
    python = options.python or (beside if os.path.exists(beside) else sys.executable)
    setup = Setup(
        tools=stopwatch.build(checkout=CHECKOUT, workdir=workdir),
        workdir=workdir,
        duri=os.path.abspath(options.duri),
        python=python,
        runs=3 if options.quick else options.runs,
        cold_runs=options.cold_runs,
        budget=options.budget,
        cores=len(os.sched_getaffinity(0)),
    )
    found = report.Report(
        command=shlex.join(["python", "-m", "bench", *_shown(options)]),
        machine=machine.facts(workdir=workdir, python=python),
        sections=(),
        measurements=(),
        absences=(),
    )
    earlier = _earlier(out) if options.keep else None
    for name in names:
        found = _add(found, name, setup=setup, cold=False)
        write(found.keeping(earlier) if earlier else found, out=out)
    if options.cold if options.cold is not None else not options.quick:
        found = _add(found, COLD_CORPUS, setup=setup, cold=True)
        write(found.keeping(earlier) if earlier else found, out=out)
    final = found.keeping(earlier) if earlier else found
    print(render.targets(judge(list(final.measurements))))


def _shown(options: argparse.Namespace) -> list[str]:
    """Return the options that change figures; folders are nobody's business."""
    shown = [f"--runs={options.runs}", f"--cold-runs={options.cold_runs}"]
    if options.only is not None:
        shown.insert(0, f"--only={options.only}")
    return [*shown, *(["--quick"] if options.quick else [])]


def _earlier(out: str) -> report.Report | None:
    try:
        with open(os.path.join(out, "results.json"), encoding="utf-8") as file:
            return report.load(file.read())
    except (FileNotFoundError, ValueError):
        return None


def _add(found: report.Report, name: str, *, setup: Setup, cold: bool) -> report.Report:
    """Measure one corpus and return the report with it."""

    def absent(contestant: str, reason: str) -> Absence:
        return Absence(corpus=name, contestant=contestant, reason=reason, cold=cold)

    if cold and not rounds.may_drop_caches():
        gap = absent(EVERYTHING, "only root may drop the kernel's caches")
        return replace(found, absences=(*found.absences, gap))
    try:
        corpus = corpora.prepare(name, workdir=setup.workdir)
    except corpora.NoRoomError as error:
        return replace(found, absences=(*found.absences, absent(EVERYTHING, f"no room: {error}")))
    if rounds.may_drop_caches():
        # Trees measured before must not crowd out this one: a million files need 6 GiB of cache.
        rounds.drop_caches()
    load, now = f"{os.getloadavg()[0]:.2f}", datetime.datetime.now(tz=datetime.UTC)
    listed, gaps = _contestants(corpus, setup=setup, cold=cold)
    floor = contestants.floor(corpus, tools=setup.tools, threads=setup.cores)
    try:
        rounds.warm(floor, corpus=corpus, tools=setup.tools)
    except rounds.RefusedError as error:
        gap = absent(EVERYTHING, f"the floor {error}")
        return replace(found, absences=(*found.absences, gap))
    rows, refused = rounds.measure(
        listed,
        corpus=corpus,
        tools=setup.tools,
        runs=setup.cold_runs if cold else setup.runs,
        budget=setup.budget,
        before=rounds.drop_caches if cold else None,
    )
    facts = {key: value for key, value in asdict(corpus).items() if key not in {"root", "name"}}
    section = report.Section(
        corpus=name,
        title=corpora.RECIPES[name].title,
        measured_at=now.strftime("%Y-%m-%d %H:%M UTC"),
        load=load,
        cold=cold,
        **facts,
    )
    absences = (*found.absences, *(absent(*gap) for gap in gaps), *refused)
    return replace(
        found,
        sections=(*found.sections, section),
        measurements=(*found.measurements, *rows),
        absences=absences,
    )


def _contestants(
    corpus: corpora.Corpus, *, setup: Setup, cold: bool
) -> tuple[list[contestants.Contestant], list[tuple[str, str]]]:
    """Return who takes part over a corpus, and who cannot, with the reason."""
    home = os.path.join(setup.workdir, "homes", corpus.name)
    os.makedirs(home, mode=0o700, exist_ok=True)
    floor = functools.partial(contestants.floor, corpus, tools=setup.tools)
    listed = [contestants.reference(setup.python, cwd=home)]
    if cold:
        listed += [floor(threads=count, name=f"floor --threads {count}") for count in COLD_THREADS]
    else:
        listed.append(floor(threads=setup.cores))
    gaps: list[tuple[str, str]] = []
    try:
        product = contestants.duri(corpus, executable=setup.duri, home=home)
        # A seal is made by a build, whose caches are warm.
        listed += [row for row in product if not (cold and row.name == contestants.SEAL)]
    except contestants.MissingError as error:
        gaps += [(name, str(error)) for name in (contestants.VERIFY, contestants.SEAL)]
    if not cold and corpus.name not in corpora.CURVE:
        for peer in peers.PEERS:
            print(f"{corpus.name}: preparing {peer.name}", file=sys.stderr, flush=True)
            try:
                listed.append(peer.prepare(corpus, home=home, cores=setup.cores))
            except contestants.MissingError as error:
                gaps.append((peer.name, str(error)))
    return listed, gaps


def write(found: report.Report, *, out: str) -> None:
    """Write README.md, results.json and the pictures."""
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(out, "results.json"), "w", encoding="utf-8") as file:
        file.write(report.dump(found))
    with open(os.path.join(out, "README.md"), "w", encoding="utf-8") as file:
        file.write(render.render(found))
    # Here, not at the top: it takes a second to import, and `--help` needs no matplotlib.
    from bench import plots

    plots.draw(found, out=out)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
