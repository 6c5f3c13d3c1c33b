"""`duri settings`: print each setting and where it came from."""

import click

from duri.cli import options, output


@click.command("settings", short_help="Print each setting and where it came from.")
@options.config
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def command(*, config: str | None, as_json: bool) -> int:
    """Print each setting, its value, and whether a flag, a variable or duri.toml gave it."""
    from duri import settings
    from duri.setting import TABLE

    loaded = settings.load(configuration=config)
    rows = [
        (row, settings.shown_value(loaded, row), loaded.sources.get(row.name, "default"))
        for row in TABLE
    ]
    if as_json:
        import msgspec

        document = {
            row.name: {"value": value, "source": source, "variable": row.variable or None}
            for row, value, source in rows
        }
        output.raw(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
        return 0
    widths = [
        max(len(text) for text in column)
        for column in zip(*((row.name, value, source) for row, value, source in rows), strict=True)
    ]
    for row, value, source in rows:
        name = row.name.ljust(widths[0])
        click.echo(f"{name}  {value.ljust(widths[1])}  {source.ljust(widths[2])}  {row.help}")
    return 0
