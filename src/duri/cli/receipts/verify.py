"""`duri receipts verify`: prove the chain, and say what it covers."""

from fractions import Fraction

import click

from duri.cli import output
from duri.cli.receipts import asked
from duri.errors import UsageError
from duri.verdict import Status


@click.command("verify", short_help="Prove the chain, and say what it covers.")
@asked.options
@click.option(
    "--require-coverage", "percent", metavar="PERCENT", help="Fail where less of the period is."
)
@click.option("--json", "as_json", is_flag=True, help="As one JSON document.")
def command(*, percent: str | None, as_json: bool, **given: object) -> int:
    """Prove that the receipts in FOLDER are what a watcher wrote: all, in order, unchanged.

    0 the chain is whole, 11 it is not, 13 there is no answer: no receipts, no key, something
    unreadable, or less of the period covered than is required.
    """
    import msgspec

    from duri.report.receipt import document, text

    required = None if percent is None else _share(percent)
    question = msgspec.convert(given, asked.Asked)
    audit, source = asked.run(question)
    code = audit.proof.status.exit_code
    coverage = audit.coverage
    lacking = (
        coverage is not None
        and required is not None
        and coverage.covered < required * coverage.seconds
    )
    # What nobody watched has no verdict: the same code as any other time without an answer.
    code = code or (Status.UNVERIFIABLE.exit_code if lacking else 0)
    if as_json:
        output.raw(document.render(audit, source, exit_code=code))
    else:
        known = question.head is not None or question.expect_sequence is not None
        shown = text.render(audit, source, is_end_known=known)
        output.raw(shown.encode("utf-8", "backslashreplace"))
    if lacking and coverage is not None:
        output.remark([f"{coverage.percent} % is covered, {percent} % is required"])
    return code


def _share(text: str) -> Fraction:
    try:
        share = Fraction(text) / 100
    except (ValueError, ZeroDivisionError) as error:
        raise _no_share(text) from error
    if not 0 <= share <= 1:
        raise _no_share(text)
    return share


def _no_share(text: str) -> UsageError:
    return UsageError(
        "--require-coverage is no percentage", expected="0 to 100, such as 99.9", got=text[:40]
    )
