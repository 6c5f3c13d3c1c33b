"""`python -m bench.watch`: run the scenarios, judge, write the page.

Guarantees: results are written after each scenario; a scenario that fails is named with its reason
and the next one runs; results of scenarios not run now are kept, each with its own date. The exit
code says whether the benchmark ran, not whether the targets were reached.
"""

import argparse
import os
import shlex
import shutil
import sys
from collections.abc import Callable

from bench import machine
from bench.__main__ import CHECKOUT
from bench.contestants import MissingError
from bench.corpora import RECIPES, SEED, NoRoomError
from bench.stopwatch import BenchError
from bench.watch import detection, idle, page, replacement, soak, storm
from bench.watch.setup import Findings, Setup

SCENARIOS = ("detection", "replacement", "idle", "storm", "soak")
NAME = "watch"
_MINE = ("duri", "workdir", "out", "scenario")


def arguments() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.watch", description=__doc__.splitlines()[0]
    )
    choices = ("all", *SCENARIOS, "render")
    parser.add_argument("scenario", nargs="?", default="all", choices=choices)
    parser.add_argument("--changes", type=int, default=1000, help="of detection (1000)")
    parser.add_argument("--idle", type=float, default=60.0, help="idle seconds to measure (60)")
    parser.add_argument("--events", type=int, default=100_000, help="of the storm (100000)")
    parser.add_argument("--storm", type=float, default=10.0, help="seconds of the storm (10)")
    parser.add_argument("--seconds", type=float, default=300.0, help="of the soak (300)")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--corpus", default="small", choices=sorted(RECIPES), help="(small)")
    parser.add_argument(
        "--replaced", default="source", choices=sorted(RECIPES), help="what is replaced (source)"
    )
    parser.add_argument("--out", default=os.path.join(CHECKOUT, "docs", "benchmarks"))
    parser.add_argument("--workdir", default=os.path.join(CHECKOUT, ".bench"))
    parser.add_argument("--duri", default=os.path.join(CHECKOUT, ".venv", "bin", "duri"))
    return parser


def main(argv: list[str]) -> int:
    """Run what was asked for."""
    parser = arguments()
    options = parser.parse_args(argv)
    out = os.path.abspath(options.out)
    found = _earlier(out)
    if options.scenario == "render":
        write(found, out=out)
        return 0
    setup = Setup(
        duri=os.path.abspath(options.duri),
        workdir=os.path.abspath(options.workdir),
        checkout=CHECKOUT,
        seed=options.seed,
        corpus=options.corpus,
    )
    python = os.path.join(os.path.dirname(setup.duri), "python")
    os.makedirs(setup.workdir, exist_ok=True)
    failed = False
    for name in SCENARIOS if options.scenario == "all" else (options.scenario,):
        print(f"watch: {name}", file=sys.stderr, flush=True)
        facts = machine.facts(workdir=setup.workdir, python=python)
        try:
            section = _scenario(name, setup, options)().section()
        except (BenchError, MissingError, NoRoomError, OSError) as error:
            print(f"watch: {name} failed: {error}", file=sys.stderr)
            failed = True
            continue
        command = _command(name, options, parser)
        found = page.Page(
            commands={**found.commands, name: command}, machine=facts, sections=found.sections
        ).having(section, order=SCENARIOS)
        write(found, out=out)
        # A failed scenario's trees and logs stay, to be looked at.
        shutil.rmtree(os.path.join(setup.workdir, "watch", name), ignore_errors=True)
    print(page.verdicts(found))
    return int(failed)


def _scenario(name: str, setup: Setup, options: argparse.Namespace) -> Callable[[], Findings]:
    return {
        "detection": lambda: detection.run(setup, count=options.changes),
        "replacement": lambda: replacement.run(setup, corpus=options.replaced),
        "idle": lambda: idle.run(setup, seconds=options.idle),
        "storm": lambda: storm.run(setup, events=options.events, seconds=options.storm),
        "soak": lambda: soak.run(setup, seconds=options.seconds),
    }[name]


def _command(name: str, options: argparse.Namespace, parser: argparse.ArgumentParser) -> str:
    """Return the call that gives these figures; folders are nobody's business."""
    changed = [
        f"--{option}={value}"
        for option, value in vars(options).items()
        if option not in _MINE and value != parser.get_default(option)
    ]
    return shlex.join(["python", "-m", "bench.watch", name, *changed])


def _earlier(out: str) -> page.Page:
    try:
        with open(os.path.join(out, f"{NAME}.json"), encoding="utf-8") as file:
            return page.load(file.read())
    except (FileNotFoundError, ValueError):
        return page.Page(commands={}, machine={}, sections=())


def write(found: page.Page, *, out: str) -> None:
    """Write watch.md and watch.json."""
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(out, f"{NAME}.json"), "w", encoding="utf-8") as file:
        file.write(page.dump(found))
    with open(os.path.join(out, f"{NAME}.md"), "w", encoding="utf-8") as file:
        file.write(page.render(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
