"""An audit for a terminal or a log: the answer first, then what it rests on.

Guarantees: one line a fact, nothing in it acts on a terminal; what is left out is counted.
"""

from collections.abc import Iterator

from duri import times
from duri.report.escape import counted, printable
from duri.report.receipt.audit import Audit, Coverage
from duri.report.receipt.chain import Problem, Proof
from duri.report.receipt.coverage import Reason
from duri.report.receipt.document import Source
from duri.report.receipt.length import duration
from duri.verdict import Status

_SHOWN = 20
_REASONS = {
    Reason.BEFORE: "before the first receipt",
    Reason.STARTING: "started, no scan yet",
    Reason.STOPPED: "the watcher was stopped",
    Reason.CRASHED: "the watcher ended without a stop",
    Reason.OVERDUE: "a scan was overdue",
}
_ANSWERS = {
    Status.VERIFIED: "the chain is whole",
    Status.TAMPERED: "the receipts are not what a watcher wrote",
    Status.UNVERIFIABLE: "there is no answer",
}


def render(audit: Audit, source: Source, *, is_end_known: bool) -> str:
    """Return the text, ending in a newline."""
    lines = [*_answer(audit.proof, source), *_problems(audit.proof)]
    if audit.coverage is not None:
        lines += _coverage(audit.coverage)
    lines += _limits(audit.proof, source, is_end_known=is_end_known)
    return "\n".join(printable(line) for line in lines) + "\n"


def _answer(proof: Proof, source: Source) -> Iterator[str]:
    yield f"{proof.status.value.upper()}  {source.folder}: {_ANSWERS[proof.status]}"
    if proof.begin is None or proof.end is None:
        return
    yield (
        f"  receipts  {proof.first:,} to {proof.last:,}, "
        f"{times.write(proof.begin)} to {times.write(proof.end)}"
    )
    yield f"  head      {proof.last}:{proof.head}"
    for keyid, number in proof.keys.items():
        yield f"  key       {keyid[:16]}, {counted(number, 'receipt')}"
    yield f"  watcher   {counted(proof.runs, 'run')}"


def _problems(proof: Proof) -> Iterator[str]:
    worst = sorted(proof.problems, key=lambda one: list(Status).index(one.status))
    for problem in worst[:_SHOWN]:
        yield f"  {_label(problem)}  {_place(problem)}{problem.detail}"
    more = sum(proof.counts.values()) - min(len(worst), _SHOWN)
    if more:
        yield f"            and {more:,} more; --json lists them"


def _label(problem: Problem) -> str:
    return f"{'note' if problem.status is Status.VERIFIED else 'problem':<8}"


def _place(problem: Problem) -> str:
    return f"{problem.file} line {problem.line}: " if problem.file else ""


def _coverage(coverage: Coverage) -> Iterator[str]:
    yield f"  period    {times.write(coverage.begin)} to {times.write(coverage.end)}"
    yield (
        f"  covered   {coverage.percent} %, {duration(coverage.covered)} of "
        f"{duration(coverage.seconds)}, {counted(coverage.scans, 'scan')}"
    )
    for status in Status:
        seconds = coverage.by_status.get(status, 0)
        if seconds:
            yield f"  {'':<8}  {status.value} {duration(seconds)}"
    for gap in coverage.gaps[:_SHOWN]:
        why = ", ".join(dict.fromkeys(_REASONS[reason] for reason in gap.reasons))
        yield f"  gap       {times.write(gap.begin)}, {duration(gap.end - gap.begin)}: {why}"
    if coverage.gap_count > _SHOWN:
        yield f"            and {coverage.gap_count - _SHOWN:,} more gaps"
    for one in coverage.incidents[:_SHOWN]:
        yield (
            f"  incident  {times.write(one.begin)}, {duration(one.end - one.begin)}: "
            f"{one.status.value}, {counted(one.findings, 'finding')}, "
            f"{one.deployment_id or 'no release known'}"
        )
    if coverage.incident_count > _SHOWN:
        yield f"            and {coverage.incident_count - _SHOWN:,} more incidents"


def _limits(proof: Proof, source: Source, *, is_end_known: bool) -> Iterator[str]:
    """Say what this does not prove."""
    if source.keyring_beside_receipts:
        yield "  The key lies beside the receipts: whoever could rewrite them could rewrite it too."
        yield "  Check with a copy kept elsewhere: --keyring FILE"
    if proof.status is Status.VERIFIED and not is_end_known:
        yield "  A removed end does not show in a chain: --head SEQUENCE:DIGEST from another system"
