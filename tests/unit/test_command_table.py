"""Options are declared once: what is read plainly is what click reads."""

from types import ModuleType

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from duri.cli import gate, verify
from duri.cli.options import from_table
from duri.cli.table import Option, defaults, plain

COMMANDS = {"verify": verify, "gate": gate}
VALUES = ["strict", "lenient", "sha256", "text", "json", "scrub", "0", "1", "32", "256", "257"]
ODD = ["", "-", "--", "-x", "--help", "--keyring=k", "--key", "--threads", "007", "1.5", "-1", "é"]
WORDS = st.sampled_from(
    [option.flag for module in COMMANDS.values() for option in module.OPTIONS]
    + [*VALUES, *ODD, "app", "k.json", "some/path"]
)


def by_click(module: ModuleType, words: list[str]) -> dict[str, object] | None:
    """Return what click reads, or None where it refuses or prints help."""
    command = from_table("x", module)
    try:
        with command.make_context("x", list(words)) as context:
            return dict(context.params)
    except (click.ClickException, click.exceptions.Exit):
        return None


@pytest.mark.parametrize("name", COMMANDS)
@given(st.lists(WORDS, max_size=6))
def test_a_plain_reading_is_clicks(name: str, words: list[str]) -> None:
    module = COMMANDS[name]
    values = plain(module.OPTIONS, words)
    if values is not None:
        assert defaults(module.OPTIONS, values) == by_click(module, words)


@pytest.mark.parametrize("name", COMMANDS)
def test_usual_calls_are_read_plainly(name: str) -> None:
    options = COMMANDS[name].OPTIONS
    assert plain(options, []) == {}
    assert plain(options, ["app"]) == {"root": "app"}
    words = ["--keyring", "k.json", "app", "--minimum-sequence", "7", "--threads", "2"]
    expected = {"keyring": "k.json", "root": "app", "minimum_sequence": 7, "threads": 2}
    assert plain(options, words) == expected


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["app", "other"],
        ["--keyring"],
        ["--keyring", "--json"],
        ["--keyring=k.json"],
        ["--keyring", "a", "--keyring", "b"],
        ["--threads", "0"],
        ["--threads", "many"],
        ["--mode", "Strict"],
        ["--", "app"],
        ["--jso"],
    ],
)
def test_whatever_needs_an_answer_of_clicks_is_left_to_it(words: list[str]) -> None:
    assert plain(verify.OPTIONS, words) is None


def test_flags_and_names_are_unique() -> None:
    for module in COMMANDS.values():
        rows: tuple[Option, ...] = module.OPTIONS
        assert len({row.flag for row in rows}) == len({row.name for row in rows}) == len(rows)
