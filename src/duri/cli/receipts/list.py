"""`duri receipts list`: list the newest receipts, unproved."""

import click

from duri.cli import output
from duri.cli.receipts import asked


@click.command("list", short_help="List the newest receipts, unproved.")
@asked.folder_argument
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True)
@click.option("--after", type=click.IntRange(0), help="Those behind this sequence, oldest first.")
@click.option("--json", "as_json", is_flag=True, help="The lines as they are.")
def command(*, folder: str | None, limit: int, after: int | None, as_json: bool) -> int:
    """List receipts of FOLDER, oldest first: sequence, time, kind, status, release, note."""
    from duri.report.escape import printable
    from duri.report.receipt import query
    from duri.report.receipt.folder import receipt_or_none

    lines = query.tail(asked.folder(folder), after=after, limit=limit)
    if as_json:
        output.raw(b"".join(line + b"\n" for line in lines))
        return 0
    for line in lines:
        receipt = receipt_or_none(line)
        if receipt is not None:
            parts = [
                f"{receipt.sequence:>8}  {receipt.time}  {receipt.kind.value:<6}",
                f"{receipt.status.value if receipt.status else '':<14}",
                receipt.deployment_id or "",
                receipt.note or "",
            ]
            output.raw((printable("  ".join(parts)).rstrip() + "\n").encode())
    return 0
