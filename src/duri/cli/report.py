"""`duri report`: make the auditor's page from receipts."""

import click

from duri.cli import output
from duri.cli.receipts import asked
from duri.errors import UsageError


@click.command("report", short_help="Make the auditor's page from receipts.")
@asked.options
@click.option("--html", "page", metavar="FILE", help="Write the page here; - is standard output.")
@click.option("--json", "as_json", is_flag=True, help="Print the same as JSON.")
@click.option(
    "--language", type=click.Choice(["en", "ko"]), default="en", show_default=True, help="Of it."
)
def command(*, page: str | None, as_json: bool, language: str, **given: object) -> int:
    """Say what the receipts in FOLDER prove about a period: covered time, gaps, incidents.

    0 the chain is whole, 11 it is not, 13 there is no answer. The page is written in each case; it
    claims coverage in the first only.
    """
    import msgspec

    import duri
    from duri import atomic
    from duri.report.receipt import document
    from duri.report.receipt.length import Language
    from duri.report.receipt.page import render

    if page is None and not as_json:
        raise UsageError("nothing to write", expected="--html FILE, --json, or both")
    question = msgspec.convert(given, asked.Asked)
    audit, source = asked.run(question)
    code = audit.proof.status.exit_code
    if page is not None:
        made = render(
            audit,
            source,
            language=msgspec.convert(language, Language),
            made=question.now,
            version=duri.__version__,
            is_end_known=question.head is not None or question.expect_sequence is not None,
        ).encode()
        if page == "-":
            output.raw(made)
        else:
            atomic.replace(page, made, mode=0o644)
    if as_json:
        output.raw(document.render(audit, source, exit_code=code))
    if code:
        output.remark([f"the receipts do not hold: {audit.proof.status}; no time is claimed"])
    return code
