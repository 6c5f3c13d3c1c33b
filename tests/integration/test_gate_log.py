"""What `duri gate` logs when no command starts: one line, in the form that was asked for."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.attack.gated import Gated
from tests.attack.releases import make
from tests.conftest import DURI, Ran, RunDuri

JSON = {"DURI_LOG_FORMAT": "json"}


@pytest.fixture
def gated(tmp_path: Path) -> Gated:
    """Return a verified release to gate."""
    return Gated(make(tmp_path / "app"))


def refusal(ran: Ran) -> dict[str, object]:
    """Return the fields of the one line that a refusing gate wrote."""
    assert ran.out == ""
    (line,) = ran.err.splitlines()
    fields: dict[str, object] = json.loads(line)
    assert (fields["event"], fields["exit_code"]) == ("gate.refused", ran.code), ran
    assert line.isprintable()
    return fields


BAD_SETTINGS: dict[str, tuple[tuple[str, ...], Mapping[str, str], str]] = {
    "a variable": ((), {"DURI_THREADS": "many"}, "DURI_THREADS: not a usable value"),
    "a line's end": ((), {"DURI_THREADS": "1\nevent=gate.passed"}, "DURI_THREADS"),
    "a missing duri.toml": (("--config", "/nowhere.toml"), {}, "/nowhere.toml: the configuration"),
    "the log format itself": (("--log-format", "json"), {"DURI_LOG_FORMAT": "xml"}, "xml"),
}


@pytest.mark.parametrize("kind", BAD_SETTINGS)
def test_error_before_the_verdict_is_a_line_of_the_log(
    gated: Gated, run_duri: RunDuri, kind: str
) -> None:
    options, variables, said = BAD_SETTINGS[kind]
    words = gated.gate("touch", gated.ran)
    words[1:1] = options
    fields = refusal(run_duri(*words, env={**JSON, **variables}, check=2))
    assert list(fields) == ["time", "level", "event", "status", "exit_code", "reason"]
    assert (fields["level"], fields["status"]) == ("critical", None)
    assert said in str(fields["reason"])
    assert not gated.ran.exists()
    # The twin: what is mended is no error, and the command starts.
    run_duri(*gated.gate("touch", gated.ran), env=JSON, check=0)
    assert gated.ran.exists()


@pytest.mark.parametrize(
    ("flag", "variable", "as_json"),
    [
        (None, None, False),
        (None, "text", False),
        (None, "JSON", True),
        ("json", None, True),
        ("json", "text", True),
        ("text", "json", False),
    ],
)
@pytest.mark.parametrize("joined", [False, True])
def test_flag_then_variable_say_how_although_the_settings_failed(
    gated: Gated,
    run_duri: RunDuri,
    flag: str | None,
    variable: str | None,
    *,
    as_json: bool,
    joined: bool,
) -> None:
    """Joined by `=`, the call is one that click reads."""
    said = [] if flag is None else [f"--log-format={flag}"] if joined else ["--log-format", flag]
    words = gated.gate("touch", gated.ran)
    words[1:1] = [*said, "--config=/nowhere"] if joined else [*said, "--config", "/nowhere"]
    ran = run_duri(*words, env={} if variable is None else {"DURI_LOG_FORMAT": variable}, check=2)
    assert ran.err.startswith("{") is as_json
    assert ran.err.startswith("duri: /nowhere: ") is not as_json
    assert not gated.ran.exists()


def test_configuration_says_how_once_it_was_read(
    gated: Gated, run_duri: RunDuri, tmp_path: Path
) -> None:
    toml = tmp_path / "duri.toml"
    toml.write_text('log_format = "json"\n')
    broken = tmp_path / "broken"
    broken.write_text("#!/nowhere/interpreter\n")
    broken.chmod(0o755)
    words = gated.gate(broken)
    ran = run_duri("gate", "--config", toml, *words[1:], check=2)
    passed, failed = map(json.loads, ran.err.splitlines())
    assert (passed["event"], failed["event"]) == ("gate.passed", "gate.refused")
    toml.write_text('log_format = "json"\nthreads = "many"\n')
    assert run_duri("gate", "--config", toml, *words[1:], check=2).err.startswith("duri: ")


@pytest.mark.parametrize("shape", ["text", "json"])
@pytest.mark.parametrize("how", ["nowhere on PATH", "no such file", "not executable", "a folder"])
def test_command_that_cannot_start_is_refused_and_never_passed(
    gated: Gated, run_duri: RunDuri, tmp_path: Path, shape: str, how: str
) -> None:
    command = {
        "nowhere on PATH": "no-such-command",
        "no such file": str(tmp_path / "nowhere"),
        "not executable": str(gated.made.root / "main.py"),
        "a folder": str(tmp_path),
    }[how]
    (gated.made.root / "main.py").chmod(0o644)
    ran = run_duri(*gated.gate(command), env={"DURI_LOG_FORMAT": shape}, check=2)
    if shape == "json":
        fields = refusal(ran)
        assert fields["status"] == "verified"
        assert str(fields["reason"]).startswith(f"{command}: ")
    else:
        (line,) = ran.err.splitlines()
        assert "event=gate.refused status=verified exit_code=2" in line
        assert f'reason="{command}: ' in line


def test_command_that_can_start_is_passed_and_starts(gated: Gated, run_duri: RunDuri) -> None:
    ran = run_duri(*gated.gate("touch", gated.ran), env=JSON, check=0)
    (line,) = ran.err.splitlines()
    assert json.loads(line)["event"] == "gate.passed"
    assert gated.ran.exists()


def test_verdict_comes_before_a_command_that_cannot_start(gated: Gated, run_duri: RunDuri) -> None:
    (gated.made.root / "main.py").write_bytes(b"evil\n")
    fields = refusal(run_duri(*gated.gate("no-such-command"), env=JSON, check=10))
    assert (fields["status"], fields["reason"]) == ("corrupted", None)


def test_command_that_fails_only_when_it_is_started_is_told_behind_the_line(
    gated: Gated, run_duri: RunDuri, tmp_path: Path
) -> None:
    """Looked up, it is a program; what it is made of only the kernel says."""
    broken = tmp_path / "broken"
    broken.write_text("#!/nowhere/interpreter\n")
    broken.chmod(0o755)
    ran = run_duri(*gated.gate(broken), check=2)
    passed, told = ran.err.splitlines()
    assert "event=gate.passed" in passed
    assert told == f"duri: {broken}: the command cannot be started; got No such file or directory"


def test_refused_environment_is_one_line_that_says_what_to_do(
    gated: Gated, run_duri: RunDuri
) -> None:
    variables = {"DURI_GATE_ENVIRONMENT": "refuse", "BASH_ENV": "/nowhere"}
    words = gated.gate("touch", gated.ran)
    fields = refusal(run_duri(*words, env={**variables, **JSON}, check=2))
    assert "BASH_ENV. Unset these" in str(fields["reason"])
    assert len(run_duri(*words, env=variables, check=2).err.splitlines()) == 1
    assert not gated.ran.exists()
    run_duri(*words, env={**JSON, "DURI_GATE_ENVIRONMENT": "refuse"}, check=0)
    assert gated.ran.exists()


def test_path_that_leads_into_the_working_folder_starts_nothing_there(
    gated: Gated, run_duri: RunDuri, tmp_path: Path
) -> None:
    planted = tmp_path / "cwd" / "serve"
    planted.parent.mkdir()
    planted.write_text(f"#!/bin/sh\ntouch {gated.ran}\n")
    planted.chmod(0o755)
    system = f"{os.environ['PATH']}:{DURI.parent}"
    for path in (f":{system}", f"{system}:", f".:{system}"):
        run_duri(*gated.gate("serve"), cwd=planted.parent, env={"PATH": path}, check=2)
    assert not gated.ran.exists()
    path = f"{planted.parent}:{system}"
    run_duri(*gated.gate("serve"), cwd=planted.parent, env={"PATH": path}, check=0)
    assert gated.ran.exists()
