"""Options that several commands share, and the settings that come of them."""

import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from duri import settings
from duri.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])

# What may be read is for the command to find out: it knows which exit code that has.
_PATH = click.Path(path_type=str, readable=False)

root_argument = click.argument("root", required=False, type=_PATH)
keyring = click.option(
    "--keyring", type=_PATH, metavar="FILE", help="The keyring [DURI_KEYRING, DURI_HMAC_KEY_FILE]."
)
artifacts = click.option(
    "--artifacts", type=_PATH, metavar="DIR", help="The artifacts, not .duri [DURI_ARTIFACTS]."
)
product = click.option("--product", metavar="P", help="What is released [DURI_PRODUCT].")
environment = click.option("--environment", metavar="E", help="Where it runs [DURI_ENV].")
mode = click.option(
    "--mode",
    type=click.Choice(["strict", "lenient"]),
    help="lenient is never obeyed in prod [DURI_INTEGRITY_MODE].",
)
algorithm = click.option(
    "--algorithm",
    type=click.Choice(["sha256", "sha512", "blake3"]),
    help="The hash of the files [DURI_HASH_ALGORITHM].",
)
threads = click.option(
    "--threads", type=click.IntRange(1, 256), metavar="N", help="Readers at once [DURI_THREADS]."
)
config = click.option(
    "--config", type=_PATH, metavar="FILE", help="A duri.toml, believed wherever it lies."
)
quiet = click.option("--quiet", is_flag=True, help="No progress, no hints.")
log_format = click.option(
    "--log-format", type=click.Choice(["text", "json"]), help="Of what is logged [DURI_LOG_FORMAT]."
)


def judging(function: F) -> F:
    """Add the options of every command that verifies."""
    for option in (
        log_format,
        config,
        threads,
        click.option(
            "--authorization",
            type=_PATH,
            metavar="FILE",
            help="Permission for one release below the floor [DURI_AUTHORIZATION].",
        ),
        click.option(
            "--state",
            type=_PATH,
            metavar="FILE",
            help="Keeps the floor and the latest time seen [DURI_STATE].",
        ),
        click.option(
            "--minimum-sequence",
            type=click.IntRange(0),
            metavar="N",
            help="An older release is refused [DURI_MINIMUM_SEQUENCE].",
        ),
        environment,
        product,
        artifacts,
        keyring,
        root_argument,
    ):
        function = option(function)
    return function


_REPEATED = (
    "keyring",
    "artifacts",
    "product",
    "environment",
    "minimum_sequence",
    "state",
    "authorization",
    "mode",
    "algorithm",
)


def again(root: str, flags: Mapping[str, object], *, config: str | None) -> str:
    """Return the `duri verify` that judges the same with the same flags, for a shell."""
    from duri.report.advice import quoted

    given = {**{name: flags.get(name) for name in _REPEATED}, "config": config}
    words = [
        f"--{name.replace('_', '-')} {quoted(str(value))}"
        for name, value in given.items()
        if value is not None
    ]
    # A root that starts with a dash is no option.
    return " ".join(["duri verify", quoted(f"./{root}" if root.startswith("-") else root), *words])


def load(
    flags: Mapping[str, object], *, config: str | None = None, verifying: bool = False
) -> tuple[str, Settings]:
    """Return the root and the settings of a call; its flags have the settings' names.

    The root is the argument, else DURI_INTEGRITY_ROOT, else the working folder. When verifying it
    is settled before `duri.toml` is looked at, which may lie inside it.
    """
    if not verifying:
        loaded = settings.load(flags=flags, configuration=config)
        return loaded.root or os.curdir, loaded
    root = settings.root_named(flags, configuration=config) or os.curdir
    loaded = settings.load(flags={**flags, "root": root}, configuration=config, verifying=root)
    return root, loaded
