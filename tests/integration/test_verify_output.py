"""What `duri verify` prints, to whom: JSON, SARIF, text, a terminal, a pipe, somebody who waits."""

import contextlib
import importlib.resources
import json
import os
import pty
import re
import select
import signal
import subprocess
import time
from typing import Any, NamedTuple

import jsonschema
import pytest
from tests.attack.sealed_tree import Release, seal_anew
from tests.conftest import DURI, RunDuri, Tree, clean_environment
from tests.integration.shop import Shop, sealed

from duri.evidence.keys import keyring

GIANT = 1 << 42
"""Bytes of a sparse file that takes no space, and half an hour to hash."""

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
    assert "New (12)\n" in ran.out
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


def test_quiet_keeps_the_findings_and_drops_the_advice(shop: Shop) -> None:
    (shop.root / "uploads/\n\nNext\n").touch()
    corrupt(shop)
    said = shop.verify("--all", check=10).out
    quiet = shop.verify("--all", "--quiet", check=10).out
    findings, _, advice = said.partition("\n\nNext\n")
    assert quiet == f"{findings}\n"
    assert "duri gate" in advice
    assert quiet.count(".php") == 12
    assert "uploads/" in quiet
    for option in (("--json",), ("--format", "sarif")):
        both = (shop.verify(*option, *more, check=10).out for more in ((), ("--quiet",)))
        plain, less = (
            re.sub(r'"(checked_at|endTimeUtc|scan_duration_ms)":.*', "", o) for o in both
        )
        assert plain == less


def test_verify_prints_and_logs_nothing_so_it_takes_no_log_format(
    shop: Shop, run_duri: RunDuri
) -> None:
    ran = shop.verify("--log-format", "json", check=2)
    assert "No such option" in ran.err
    for command, takes in (("verify", False), ("gate", True), ("watch", True), ("seal", True)):
        assert ("--log-format" in run_duri(command, "--help", check=0).out) is takes
    assert shop.verify(env={"DURI_LOG_FORMAT": "json"}, check=0).out.startswith("VERIFIED")


class Seen(NamedTuple):
    """What a person at a terminal saw, and how it ended."""

    code: int
    text: str


def at_terminal(
    *command: str | os.PathLike[str],
    press_after: float | None = None,
    press_on: str = "\0",
    **variables: str,
) -> Seen:
    """Run a command whose three streams are one terminal; return what was seen and its exit code.

    Args:
        command: `duri`'s arguments.
        press_after: seconds until Ctrl-C is pressed; never when None.
        press_on: text that is waited for meanwhile; Ctrl-C is pressed as soon as it is seen.
        variables: of the environment.
    """
    child, terminal = pty.fork()
    if child == 0:
        environment = clean_environment("/nonexistent") | {"TERM": "xterm-256color"} | variables
        words = [os.fspath(DURI), *(os.fspath(one) for one in command)]
        os.execve(DURI, words, environment)  # noqa: S606 - no shell is wanted
    seen = b""
    deadline = None if press_after is None else time.monotonic() + press_after
    with contextlib.suppress(OSError):  # the other end is closed: it ended
        while True:
            ready = select.select([terminal], [], [], 0.05)[0]
            seen += os.read(terminal, 1 << 16) if ready else b""
            shown = ESCAPE.sub("", seen.decode(errors="replace"))
            if deadline is not None and (time.monotonic() > deadline or press_on in shown):
                os.write(terminal, b"\x03")
                deadline = None
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


def make_endless(shop: Shop) -> tuple[str, ...]:
    """Make a sealed file a giant, and the seal one of giants: its scan would take half an hour."""
    keys = keyring.parse(shop.keyring.read_bytes(), prod=False).keyring
    os.truncate(shop.root / "shop.py", GIANT)
    seal_anew(Release(shop.root, keys), lambda checksums: checksums, total_bytes=GIANT + 1)
    return ("verify", os.fspath(shop.root), "--keyring", os.fspath(shop.keyring))


def test_progress_is_shown_at_a_terminal_when_it_takes_long(shop: Shop) -> None:
    endless = make_endless(shop)
    shown = at_terminal(*endless, press_after=60, press_on="B/s ")
    assert shown.code == 130
    text = ESCAPE.sub("", shown.text)
    assert "verifying" in text
    assert re.search(r"[0-9] of 3 files [0-9.]+/4.0 TiB [0-9.]+ [kMG]B/s +[0-9]+:[0-9:]+", text), (
        text
    )
    # Not for what is done within a second, nor for who asked for quiet.
    quiet = at_terminal(*endless, "--quiet", press_after=2.5)
    assert (quiet.code, "verifying" in quiet.text) == (130, False)
    os.truncate(shop.root / "shop.py", 3)
    short = at_terminal(*endless)
    assert (short.code, "verifying" in short.text) == (10, False)


def test_progress_is_silent_in_a_pipe(shop: Shop) -> None:
    endless = make_endless(shop)
    process = subprocess.Popen(
        [DURI, *endless],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # What makes the library that draws take a pipe for a terminal.
        env=clean_environment("/nonexistent") | {"FORCE_COLOR": "1", "TTY_INTERACTIVE": "1"},
    )
    with pytest.raises(subprocess.TimeoutExpired):
        process.communicate(timeout=2.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, b"")
    assert b"verifying" not in err
    assert b"Traceback" not in err


def test_ctrl_c_ends_a_seal_at_once_and_nothing_is_written(shop: Shop) -> None:
    os.truncate(shop.root / "shop.py", GIANT)
    before = shop.evidence()
    seal = ("seal", shop.root, "--version", "2.0.0", "--keyring", shop.keyring)
    ended = at_terminal(*seal, press_after=60, press_on="sealing")
    assert (ended.code, "Traceback" in ended.text) == (130, False)
    assert shop.evidence() == before
    os.truncate(shop.root / "shop.py", 3)
    shop.seal("--version", "2.0.0", check=0)
    shop.verify(check=0)
