"""What `duri verify` prints, to whom: JSON, SARIF, text, a terminal, a pipe, somebody who waits."""

import importlib.resources
import json
import os
import pty
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import pytest
from tests.conftest import DURI, RunDuri, Tree, clean_environment
from tests.integration.shop import SHOP, Shop, opened, sealed

SLOW_BYTES = 4 << 30
"""Of one sparse file, whose hash takes more than a second on any machine: SHA-512 on one core."""

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def shop(tree: Tree, run_duri: RunDuri) -> Shop:
    """Return a sealed and verified shop."""
    return sealed(tree, run_duri)


def corrupt(shop: Shop) -> None:
    """Change what makes several groups of a report."""
    (shop.root / "shop.py").write_bytes(b"print('closed')\n")
    (shop.root / "bin/start").chmod(0o777)
    (shop.root / "lib/current").unlink()
    for number in range(12):
        (shop.root / f"uploads/{number:02}\x1b[31m\n.php").touch()


def test_json_is_valid_against_its_schema_whatever_the_status(shop: Shop) -> None:
    text = importlib.resources.files("duri.report").joinpath("verdict.schema.json").read_text()
    schema = jsonschema.Draft202012Validator(json.loads(text))
    reports = {"verified": shop.report()}
    reports["policy_changed"] = shop.report("--algorithm", "blake3")
    reports["unverifiable"] = shop.report("--keyring", "/nowhere")
    corrupt(shop)
    reports["corrupted"] = shop.report()
    (shop.artifacts / "checksums.sig").unlink()
    reports["tampered"] = shop.report()
    for status, report in reports.items():
        schema.validate(report)
        assert report["status"] == status
    assert len(reports["corrupted"]["findings"]) == 15
    same = shop.verify("--format", "json")
    assert json.loads(same.stdout)["findings"] == reports["tampered"]["findings"]


def test_sarif_has_a_result_for_each_finding(shop: Shop) -> None:
    good = json.loads(shop.verify("--format", "sarif", check=0).stdout)
    assert (good["version"], good["runs"][0]["results"]) == ("2.1.0", [])
    corrupt(shop)
    ran = shop.verify("--format", "sarif", check=10)
    (run,) = json.loads(ran.stdout)["runs"]
    assert run["tool"]["driver"]["name"] == "DuRi"
    rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    results: list[dict[str, Any]] = run["results"]
    assert len(results) == 15
    assert {one["ruleId"] for one in results} <= rules
    assert b"\x1b" not in ran.stdout


def test_text_says_the_status_first_cuts_sensibly_and_says_what_next(shop: Shop) -> None:
    lines = shop.verify(check=0).out.splitlines()
    assert lines[0] == f"VERIFIED  {shop.root} is what was released"
    assert len(lines) == 2
    corrupt(shop)
    ran = shop.verify(check=10)
    assert ran.out.startswith(f"CORRUPTED  {shop.root} is not what was released\n")
    assert "SPIKE" in ran.out
    assert "New (12), below uploads/\n" in ran.out
    assert ran.out.count(".php") == 10
    assert "… and 2 more (--all shows them)" in ran.out
    assert "\nNext\n  1. " in ran.out
    whole = shop.verify("--all", check=10)
    assert whole.out.count(".php") == 12
    assert "more (--all" not in whole.out
    for shown in (ran, whole):
        assert "\x1b" not in shown.out
        assert "\\x1b[31m\\n.php" in shown.out
        assert shown.err == ""


def test_commands_under_next_can_be_run_as_they_stand(shop: Shop) -> None:
    moved = shop.root.rename(shop.root.parent / "a shop's root")
    made = shop._replace(root=moved)
    corrupt(made)
    ran = made.verify(check=10)
    (again,) = re.findall(r"^ +(duri verify .*--all.*)$", ran.out, re.MULTILINE)
    done = subprocess.run(
        ["sh", "-c", again],
        env=clean_environment("/nonexistent") | {"PATH": f"{DURI.parent}:{os.environ['PATH']}"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout.count(b".php")) == (10, 12), done


def test_quiet_keeps_the_answer(shop: Shop) -> None:
    assert shop.verify("--quiet", check=0).out.startswith("VERIFIED")
    assert shop.seal("--version", "2.0.0", "--quiet", check=0).out == ""


class Seen(NamedTuple):
    """What a person at a terminal saw, and how it ended."""

    code: int
    text: str


def at_terminal(
    *command: str | os.PathLike[str], interrupt_after: float | None = None, **variables: str
) -> Seen:
    """Run a command whose three streams are one terminal; press Ctrl-C if asked to."""
    child, terminal = pty.fork()
    if child == 0:
        environment = clean_environment("/nonexistent") | {"TERM": "xterm-256color"} | variables
        os.execve(DURI, [os.fspath(DURI), *map(os.fspath, command)], environment)
    seen = b""
    pressed = interrupt_after is None
    begin = time.monotonic()
    os.set_blocking(terminal, False)
    while True:
        if not pressed and time.monotonic() - begin > (interrupt_after or 0):
            os.write(terminal, b"\x03")
            pressed = True
        try:
            block = os.read(terminal, 1 << 16)
        except BlockingIOError:
            time.sleep(0.02)
            continue
        except OSError:  # the other end is closed
            break
        if not block:
            break
        seen += block
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    return Seen(os.waitstatus_to_exitcode(status), seen.decode())


def test_colour_is_for_terminals_that_want_it(shop: Shop) -> None:
    command = ("verify", shop.root, "--keyring", shop.keyring)
    coloured = at_terminal(*command)
    assert coloured.code == 0
    assert coloured.text.startswith("\x1b[1;32mVERIFIED\x1b[0m")
    assert "\x1b" not in at_terminal(*command, NO_COLOR="1").text
    assert "\x1b" not in at_terminal(*command, TERM="dumb").text
    assert "\x1b" not in shop.verify().out


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder with one file that takes seconds to hash and no space."""
    root = tmp_path_factory.mktemp("slow") / "shop"
    root.mkdir(mode=0o755)
    (root / "giant").touch(mode=0o644)
    os.truncate(root / "giant", SLOW_BYTES)
    yield root
    (root / "giant").unlink()


def test_progress_is_for_a_terminal_and_for_what_takes_long(
    slow: Path, tree: Tree, run_duri: RunDuri
) -> None:
    shop = opened(tree, run_duri, SHOP)
    seal = ("seal", slow, "--version", "1", "--keyring", shop.keyring, "--algorithm", "sha512")
    long = at_terminal(*seal, "--threads", "1")
    assert long.code == 0
    assert "sealing" in ESCAPE.sub("", long.text)
    assert "files" in ESCAPE.sub("", long.text)
    assert "/s" in ESCAPE.sub("", long.text)
    assert "sealed     shop 1" in long.text
    # The same scan, into a pipe; and to a terminal that wants no bar.
    command = ("verify", slow, "--keyring", shop.keyring)
    piped = run_duri(*command, check=0)
    assert piped.err == ""
    assert "\x1b" not in piped.out
    quiet = at_terminal(*command, "--quiet")
    assert "verifying" not in quiet.text
    short = at_terminal("verify", sealed(tree, run_duri).root, "--keyring", shop.keyring)
    assert "verifying" not in short.text


@pytest.mark.parametrize("verb", ["seal", "verify"])
def test_ctrl_c_ends_a_scan_at_once_and_writes_nothing(
    verb: str, slow: Path, tree: Tree, run_duri: RunDuri
) -> None:
    shop = sealed(tree, run_duri)
    giant = shop.root / "uploads/giant"
    giant.touch(mode=0o644)
    os.truncate(giant, 1 << 42)  # an hour's work
    before = shop.evidence()
    options = ("--version", "2.0.0") if verb == "seal" else ()
    if verb == "verify":
        giant.unlink()
        shop.root.joinpath("x").touch()
    begin = time.monotonic()
    ended = at_terminal(
        verb, shop.root, "--keyring", shop.keyring, *options, interrupt_after=1.5
    )
    assert time.monotonic() - begin < 20
    assert ended.code == 130, ended
    assert "Traceback" not in ended.text
    assert shop.evidence() == before
    assert signal.SIGINT
