"""click's options, made from the table that plain calls are read by."""

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, TypeVar

import click

from duri.cli import table
from duri.cli.table import Option

F = TypeVar("F", bound=Callable[..., Any])

# What may be read is for the command to find out: it knows which exit code that has.
_PATH = click.Path(path_type=str, readable=False)
_PROGRAM = "duri.cli.options.program"

root_argument = click.argument("root", required=False, type=_PATH)


def option(row: Option) -> click.Option:
    """Return click's option for a row of the table."""
    return click.Option([row.flag, row.name], **_how(row))


def _how(row: Option) -> dict[str, Any]:
    return {
        "type": _type(row),
        "is_flag": row.is_switch,
        "default": False if row.is_switch else None,
        "metavar": row.metavar,
        "help": row.help,
    }


def _type(row: Option) -> click.ParamType[Any] | None:
    if row.choices:
        return click.Choice(row.choices)
    if row.least is not None:
        return click.IntRange(row.least, row.most)
    return None if row.is_switch else _PATH if row.metavar in {"FILE", "DIR"} else click.STRING


def _decorator(row: Option) -> Callable[[F], F]:
    return click.option(row.flag, row.name, **_how(row))


keyring = _decorator(table.KEYRING)
artifacts = _decorator(table.ARTIFACTS)
product = _decorator(table.PRODUCT)
environment = _decorator(table.ENVIRONMENT)
mode = _decorator(table.MODE)
algorithm = _decorator(table.ALGORITHM)
threads = _decorator(table.THREADS)
config = _decorator(table.CONFIG)
quiet = _decorator(table.QUIET)
log_format = _decorator(table.LOG_FORMAT)


class _Command(click.Command):
    """A command line whose part after `--` is another's, and never taken for ROOT."""

    takes_program = False

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse what stands before `--`; keep the rest as the program."""
        end = args.index("--") if self.takes_program and "--" in args else len(args)
        ctx.meta[_PROGRAM] = tuple(args[end + 1 :])
        return super().parse_args(ctx, args[:end])

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Show the part after `--` in the usage line."""
        return super().collect_usage_pieces(ctx) + self.takes_program * ["[-- COMMAND …]"]


def from_table(name: str, module: ModuleType) -> click.Command:
    """Return a click command for a module with OPTIONS and `run`, perhaps a program behind `--`."""
    run: Callable[[Mapping[str, object], Sequence[str]], int] = module.run
    rows: Sequence[Option] = module.OPTIONS

    def callback(**values: object) -> int:
        return run(values, click.get_current_context().meta[_PROGRAM])

    made = _Command(
        name,
        callback=callback,
        params=[click.Argument(["root"], required=False, type=_PATH), *map(option, rows)],
        help=run.__doc__,
    )
    made.takes_program = getattr(module, "TAKES_PROGRAM", False)
    return made
