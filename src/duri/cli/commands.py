"""A group of commands whose modules are imported when they are called, described without it."""

import importlib

import click

from duri.cli.options import from_table


class Commands(click.Group):
    """Commands by name, one module each.

    A module holds a click command named `command`, or, where a boot waits for it, a table of
    OPTIONS and a function `run` (see `duri.cli.table`).
    """

    def __init__(self, name: str, *, package: str, commands: dict[str, str], summary: str) -> None:
        """Name the modules: `package` holds one for each command."""
        super().__init__(name, help=summary, no_args_is_help=True)
        self.package = package
        self.summaries = commands

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which a release meets them."""
        del ctx
        return list(self.summaries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        del ctx
        if cmd_name not in self.summaries:
            return None
        module = importlib.import_module(f"{self.package}.{cmd_name}")
        if hasattr(module, "OPTIONS"):
            return from_table(cmd_name, module)
        return module.command if isinstance(module.command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(self.summaries.items()))
