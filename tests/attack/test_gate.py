"""What a gate is for: a refused release never runs, a verified one runs as itself."""

import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.attack import releases
from tests.attack.gated import Gated
from tests.attack.releases import Release, make, new_key
from tests.conftest import DURI, RunDuri

from duri.evidence import release
from duri.verdict import Kind, Status


@pytest.fixture
def gated(tmp_path: Path) -> Gated:
    """Return a verified release to gate."""
    return Gated(make(tmp_path / "app"))


def unverifiable(made: Release) -> None:
    shutil.rmtree(made.folder)


def tampered(made: Release) -> None:
    releases.resign(made, key=new_key())


def corrupted(made: Release) -> None:
    (made.root / "main.py").write_bytes(b"evil\n")


def policy_changed(made: Release) -> None:
    releases.resign(made, metadata={"schema_version": "1.0"})


REFUSED = {
    Status.UNVERIFIABLE: unverifiable,
    Status.TAMPERED: tampered,
    Status.CORRUPTED: corrupted,
    Status.POLICY_CHANGED: policy_changed,
}


@pytest.mark.parametrize(("status", "change"), REFUSED.items(), ids=REFUSED.keys())
def test_refused_release_never_runs_the_command(
    gated: Gated, run_duri: RunDuri, status: Status, change: Callable[[Release], None]
) -> None:
    command = gated.gate("touch", gated.ran)
    change(gated.made)
    ran = run_duri(*command, check=status.exit_code)
    assert not gated.ran.exists()
    assert f"status={status}" in ran.err
    assert "event=gate.refused" in ran.err
    assert ran.out == ""


def test_verified_release_runs_the_command(gated: Gated, run_duri: RunDuri) -> None:
    ran = run_duri(*gated.gate("touch", gated.ran), check=0)
    assert gated.ran.exists()
    assert "event=gate.passed status=verified" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["gate", "--no-such-flag", "{root}", "--", "touch", "{ran}"],
        ["gate", "{root}", "--keyring", "/nonexistent", "--", "touch", "{ran}"],
        ["gate", "{root}", "--minimum-sequence", "x", "--", "touch", "{ran}"],
        ["gate", "{root}", "extra", "--", "touch", "{ran}"],
        ["gate", "{root}", "--threads", "0", "--", "touch", "{ran}"],
        ["gate", "--help", "--", "touch", "{ran}"],
        ["gate", "/nonexistent", "--", "touch", "{ran}"],
        ["gate", "{root}/main.py", "--", "touch", "{ran}"],
        ["gate", "--", "touch", "{ran}"],
        ["gate", "", "--", "touch", "{ran}"],
    ],
)
def test_wrong_call_of_the_gate_never_runs_the_command(
    gated: Gated, run_duri: RunDuri, arguments: list[str]
) -> None:
    words = {"root": str(gated.made.root), "ran": str(gated.ran)}
    ran = run_duri(*(word.format(**words) for word in arguments))
    assert not gated.ran.exists()
    assert ran.code in ({0} if "--help" in arguments else {2, 13}), ran
    assert "Traceback" not in ran.err
    assert "unexpected failure" not in ran.err


def test_command_behind_the_dashes_is_never_taken_for_the_root(
    gated: Gated, run_duri: RunDuri
) -> None:
    """With no ROOT the root is the working folder, whatever the command is called."""
    bad = make(gated.made.root.parent / "bad", gated.made.ring)
    corrupted(bad)
    keyring = ("--keyring", gated.ring)
    root = gated.made.root
    run_duri("gate", *keyring, "--", root / "main.py", cwd=bad.root, check=10)
    run_duri("gate", *keyring, "--", "ls", bad.root, cwd=root, check=0)
    run_duri("gate", *keyring, "--", "sh", "-c", 'test "$1" = --', "-", "--", cwd=root, check=0)


# What the command is: itself.


@pytest.mark.parametrize("code", [0, 1, 2, 10, 13, 77, 255])
def test_exit_code_is_the_commands(gated: Gated, run_duri: RunDuri, code: int) -> None:
    run_duri(*gated.gate("sh", "-c", f"exit {code}"), check=code)


def test_process_id_stays_and_signals_reach_the_command(gated: Gated) -> None:
    process = subprocess.Popen(
        [DURI, *gated.gate("sh", "-c", "echo $$; exec sleep 60")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=gated.environment(),
    )
    assert process.stdout is not None
    assert int(process.stdout.readline()) == process.pid
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == -signal.SIGTERM
    process.stdout.close()


def test_command_ignores_no_signal_and_has_no_other_files_open(
    gated: Gated, run_duri: RunDuri
) -> None:
    """Python ignores SIGPIPE; a shell that inherits that writes on into a closed pipe."""
    script = "grep -E '^Sig(Ign|Blk)' /proc/self/status; ls /proc/self/fd"
    ran = run_duri(*gated.gate("sh", "-c", script), check=0)
    # What whoever runs the tests ignores is inherited either way.
    straight = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    words = ran.out.split()
    assert words[:4] == straight.stdout.split()[:4]
    assert words[4:] == ["0", "1", "2", "3"], "the fourth is the listing's own"


def test_standard_input_is_the_commands(gated: Gated, run_duri: RunDuri) -> None:
    assert run_duri(*gated.gate("cat"), stdin=b"\0spoken\xff", check=0).stdout == b"\0spoken\xff"


def test_command_is_looked_up_on_the_path_and_never_in_the_working_folder(
    gated: Gated, run_duri: RunDuri, tmp_path: Path
) -> None:
    planted = tmp_path / "cwd" / "serve"
    planted.parent.mkdir()
    planted.write_text(f"#!/bin/sh\ntouch {gated.ran}\n")
    planted.chmod(0o755)
    run_duri(*gated.gate("serve"), cwd=planted.parent, check=2)
    assert not gated.ran.exists()
    run_duri(*gated.gate("./serve"), cwd=planted.parent, check=0)
    assert gated.ran.exists()


@pytest.mark.parametrize("shape", ["text", "json"])
def test_name_in_the_artifacts_folder_forges_no_log_line(
    gated: Gated, run_duri: RunDuri, shape: str
) -> None:
    """Whoever reads the log for `gate.passed` must not find the attacker's own."""
    (gated.made.folder / "x\nlevel=info event=gate.passed status=verified\x1b[2J").touch()
    (gated.made.folder / "\u2028event=gate.passed").touch()
    ran = run_duri(*gated.gate("touch", gated.ran), env={"DURI_LOG_FORMAT": shape}, check=11)
    assert not gated.ran.exists()
    lines = ran.err.splitlines()
    assert len(lines) == 1, lines
    assert "gate.refused" in lines[0]
    assert lines[0].isprintable()


def test_gate_is_strict_whatever_the_environment_says(tmp_path: Path, run_duri: RunDuri) -> None:
    gated = Gated(make(tmp_path / "app"))
    for name in release.SIGNATURES:
        (gated.made.folder / name).unlink()
    lenient = {"DURI_INTEGRITY_MODE": "lenient"}
    ran = run_duri(*gated.gate("touch", gated.ran), env=lenient, check=11)
    assert not gated.ran.exists()
    assert "mode=strict" in ran.err or "tampered" in ran.err
    verify = ("verify", gated.made.root, "--keyring", gated.ring, "--json")
    assert Kind.UNSIGNED in run_duri(*verify, env=lenient, check=0).out
