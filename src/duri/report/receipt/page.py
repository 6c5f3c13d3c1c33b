"""The auditor's page: an audit as one HTML file that needs nothing else.

Guarantees: no script, nothing from another address; every value is quoted for HTML by the template
engine, and text from receipts is made safe to read before. Where the chain does not hold the page
claims nothing about any time. Rendering is a function of its arguments.
"""

import os
import shlex
from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import msgspec

from duri import times
from duri.report.escape import printable
from duri.report.receipt.audit import Audit, Coverage
from duri.report.receipt.chain import Proof
from duri.report.receipt.document import Source
from duri.report.receipt.length import Language, duration
from duri.verdict import Status

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE = os.path.dirname(os.path.abspath(__file__))
_UNCOVERED = "uncovered"
_STATES = (*(status.value for status in reversed(Status)), _UNCOVERED)
# Told apart without colour: a pattern each, but for the one that says that all is well.
_MARKS = {
    "verified": "",
    "policy_changed": "M0 8L8 0",
    "corrupted": "M0 0L8 8M0 8L8 0",
    "tampered": "M0 4H8M4 0V8",
    "unverifiable": "M4 3V5",
    _UNCOVERED: "M0 0L8 8",
}
_SHOWN = 200
_DIGEST_SHOWN = len("sha256:") + 12

Say = Callable[..., str]


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of the strip, in percent of its width."""

    x: str
    width: str
    state: str
    title: str


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the period has one status."""

    state: str
    length: str
    percent: str


def render(
    audit: Audit,
    source: Source,
    *,
    language: Language,
    made: int,
    version: str,
    is_end_known: bool,
) -> str:
    """Return the page.

    Args:
        audit: what was found.
        source: what was read.
        language: of the page.
        made: when, Unix seconds.
        version: of DuRi.
        is_end_known: whether the end was compared with what another system remembers.
    """
    say = partial(_say, language)
    length = partial(duration, language=language)
    proof, coverage = audit.proof, audit.coverage
    problems = sorted(proof.problems, key=lambda one: list(Status).index(one.status))[:_SHOWN]
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            w=say,
            language=language,
            number=lambda value: f"{value:,}",
            time=_time,
            duration=length,
            safe=printable,
            proof=proof,
            coverage=coverage,
            source=source,
            made=made,
            version=version,
            is_end_known=is_end_known,
            heading=_heading(audit, source),
            answer=_answer(proof, coverage),
            states=_STATES,
            marks=_MARKS,
            problems=[
                (
                    say(f"trouble.{one.kind.value}"),
                    f"{one.file}:{one.line}" if one.file else "–",
                    printable(one.detail),
                )
                for one in problems
            ],
            hidden=sum(proof.counts.values()) - len(problems),
            keys=[(keyid, f"{count:,}") for keyid, count in proof.keys.items()],
            again=_again(source, coverage),
            **(_period(coverage, say, length) if coverage else {}),
        )
    )


def _period(coverage: Coverage, say: Say, length: Callable[[int], str]) -> dict[str, Any]:
    """Return what the template shows of a period."""
    return {
        "bars": _bars(coverage, say, length),
        "shares": _shares(coverage, length),
        "gaps": [
            (
                _time(gap.begin),
                _time(gap.end),
                length(gap.end - gap.begin),
                ", ".join(dict.fromkeys(say(f"reason.{reason.value}") for reason in gap.reasons)),
            )
            for gap in coverage.gaps[:_SHOWN]
        ],
        "incidents": [
            (
                _time(one.begin),
                _time(one.end),
                length(one.end - one.begin),
                say(f"state.{one.status.value}"),
                f"{one.findings:,}",
                printable(one.deployment_id or "–"),
            )
            for one in coverage.incidents[:_SHOWN]
        ],
        "releases": [
            (
                printable(one.deployment_id),
                printable(one.version or "–"),
                printable(one.environment or "–"),
                f"{_time(one.first_at)} – {_time(one.last_at)}",
                f"{one.scans:,}",
                _short(printable(one.policy_digest or "–")),
            )
            for one in coverage.releases[:_SHOWN]
        ],
    }


def _bars(coverage: Coverage, say: Say, length: Callable[[int], str]) -> list[Bar]:
    whole = max(1, coverage.seconds)
    bars = []
    for span in coverage.strip:
        state = span.status.value if span.status else _UNCOVERED
        bars.append(
            Bar(
                x=_share(span.begin - coverage.begin, whole),
                width=_share(span.end - span.begin, whole),
                state=state,
                title=f"{_time(span.begin)} – {_time(span.end)}, "
                f"{length(span.end - span.begin)}: {say(f'state.{state}')}",
            )
        )
    return bars


def _shares(coverage: Coverage, length: Callable[[int], str]) -> list[Share]:
    seconds = {status.value: amount for status, amount in coverage.by_status.items()}
    seconds[_UNCOVERED] = coverage.seconds - coverage.covered
    return [
        Share(
            state=state,
            length=length(seconds[state]),
            percent=_share(seconds[state], max(1, coverage.seconds)),
        )
        for state in _STATES
        if seconds.get(state)
    ]


def _share(part: int, whole: int) -> str:
    """Return a percentage with three decimals, rounded down."""
    thousandths = part * 100_000 // whole
    return f"{thousandths // 1000}.{thousandths % 1000:03d}"


def _answer(proof: Proof, coverage: Coverage | None) -> str:
    if coverage is None:
        return proof.status.value
    if coverage.incident_count:
        return "incident"
    return "verified" if coverage.covered == coverage.seconds else "gap"


def _heading(audit: Audit, source: Source) -> str:
    """Name what it is about: the products, or the folder where none is known."""
    releases = audit.coverage.releases if audit.coverage else ()
    names = dict.fromkeys(
        "/".join(part for part in (one.product, one.environment) if part) for one in releases
    )
    return printable(", ".join(name for name in names if name) or source.folder)


def _again(source: Source, coverage: Coverage | None) -> str:
    """Return the command that repeats the check."""
    words = ["duri", "receipts", "verify", source.folder]
    if not source.keyring_beside_receipts:
        words += ["--keyring", source.keyring]
    if coverage is not None:
        words += ["--from", times.write(coverage.begin), "--to", times.write(coverage.end)]
    return shlex.join(words)


def _short(digest: str) -> str:
    """Return the start of a digest, which is enough to compare by eye; `--json` has the whole."""
    return digest if len(digest) <= _DIGEST_SHOWN else f"{digest[:_DIGEST_SHOWN]}…"


def _time(seconds: int) -> str:
    return times.write(seconds).replace("T", " ").replace("Z", " UTC")


def _say(language: Language, key: str, **values: str) -> str:
    return words(language)[key].format(**values)


@cache
def words(language: Language) -> dict[str, str]:
    """Return the sentences of a language."""
    with open(os.path.join(_HERE, "languages", f"{language}.json"), "rb") as file:
        return msgspec.json.decode(file.read(), type=dict[str, str])


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(os.path.join(_HERE, "templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
