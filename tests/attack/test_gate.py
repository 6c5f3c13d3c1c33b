"""Row 38 and what a gate is for: a refused release never runs, a verified one runs as itself."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from tests.attack import releases
from tests.attack.releases import Release, make, new_key
from tests.conftest import DURI, RunDuri, clean_environment, require

from duri import launch
from duri.evidence import release
from duri.verdict import Kind, Status


class Gated:
    """A release with its keyring as a file, and the gate's command line for it."""

    def __init__(self, made: Release) -> None:
        self.made = made
        self.ring = releases.keyring_file(made.root.parent / "keyring.json", made.ring)
        self.ran = made.root.parent / "ran"

    def gate(self, *command: str | Path) -> list[str]:
        """Return the arguments of `duri gate` with a command."""
        options = ["gate", os.fspath(self.made.root), "--keyring", os.fspath(self.ring)]
        return [*options, "--", *map(os.fspath, command)]

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a clean boot, and more."""
        return clean_environment(self.made.root.parent) | more


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
    words = ran.out.split()
    assert words[:4] == ["SigBlk:", "0" * 16, "SigIgn:", "0" * 16], ran.out
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


# Row 38: what the environment brings along.


def marker(folder: Path, name: str, ran: Path) -> None:
    """Write a module that leaves a file when it is imported."""
    folder.mkdir(exist_ok=True, parents=True)
    (folder / name).write_text(f"open({os.fspath(ran)!r}, 'a').close()\n")


def test_python_variables_and_working_folder_bring_nothing_into_the_isolated_gate(
    gated: Gated, tmp_path: Path
) -> None:
    folder = tmp_path / "evil"
    user = f"lib/python3.{sys.version_info.minor}/site-packages"
    for name in ("sitecustomize.py", "usercustomize.py", "startup.py", "msgspec.py", "click.py"):
        marker(folder, name, gated.ran)
        marker(folder / user, name, gated.ran)
    marker(folder / "duri", "__init__.py", gated.ran)
    environment = gated.environment(
        PYTHONPATH=str(folder),
        PYTHONSTARTUP=str(folder / "startup.py"),
        PYTHONUSERBASE=str(folder),
        PYTHONINSPECT="1",
    )
    command = [sys.executable, "-I", "-m", "duri", *gated.gate("true")]
    subprocess.run(
        command, check=True, env=environment, cwd=folder, capture_output=True, timeout=30
    )
    assert not gated.ran.exists()
    # The twin: without isolation the same folder is obeyed, so the trap works.
    subprocess.run([sys.executable, "-c", ""], check=True, env=environment, cwd=folder)
    assert gated.ran.exists()


def test_working_folder_brings_nothing_into_the_command_duri(
    gated: Gated, run_duri: RunDuri, tmp_path: Path
) -> None:
    folder = tmp_path / "evil"
    for name in ("sitecustomize.py", "usercustomize.py", "msgspec.py", "click.py", "signal.py"):
        marker(folder, name, gated.ran)
    marker(folder / "duri", "__init__.py", gated.ran)
    run_duri(*gated.gate("true"), cwd=folder, check=0)
    run_duri("verify", gated.made.root, "--keyring", gated.ring, cwd=folder, check=0)
    assert not gated.ran.exists()


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Return a library that writes the name of each program it is loaded into."""
    source = tmp_path / "preload.c"
    loaded = tmp_path / "loaded"
    source.write_text(
        "#include <stdio.h>\n#include <errno.h>\n"
        "__attribute__((constructor)) static void leave(void) {\n"
        f'  FILE *f = fopen("{loaded}", "a");\n'
        '  if (f) { fprintf(f, "%s\\n", program_invocation_short_name); fclose(f); }\n}\n'
    )
    library = tmp_path / "preload.so"
    subprocess.run(
        [require("cc"), "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", library, source], check=True
    )
    return library


def test_preloaded_library_does_not_reach_the_command(
    gated: Gated, run_duri: RunDuri, library: Path
) -> None:
    loaded = library.parent / "loaded"
    ran = run_duri(*gated.gate("cat", "/dev/null"), env={"LD_PRELOAD": str(library)}, check=0)
    assert "cat" not in loaded.read_text().split()
    assert "removed" in ran.err
    assert "LD_PRELOAD" in ran.err
    loaded.unlink()
    run_duri(
        *gated.gate("cat", "/dev/null"),
        env={"LD_PRELOAD": str(library), "DURI_GATE_ENVIRONMENT": "keep"},
        check=0,
    )
    assert "cat" in loaded.read_text().split(), "the twin: kept on purpose, it is loaded"


def test_preloaded_library_of_the_verified_release_reaches_the_command(
    tmp_path: Path, run_duri: RunDuri, library: Path
) -> None:
    files = {"preload.so": library.read_bytes()}
    gated = Gated(make(tmp_path / "with", files=files))
    inside = str(gated.made.root / "preload.so")
    ran = run_duri(*gated.gate("cat", "/dev/null"), env={"LD_PRELOAD": inside}, check=0)
    assert "cat" in (tmp_path / "loaded").read_text().split()
    assert "removed" not in ran.err


def test_refusing_policy_starts_nothing(
    gated: Gated, run_duri: RunDuri, library: Path
) -> None:
    options = {"DURI_GATE_ENVIRONMENT": "refuse"}
    command = gated.gate("touch", gated.ran)
    ran = run_duri(*command, env={**options, "LD_PRELOAD": str(library)}, check=2)
    assert not gated.ran.exists()
    assert "event=gate.refused" in ran.err
    run_duri(*command, env=options, check=0)
    assert gated.ran.exists()


def test_variables_are_given_back_as_they_were(gated: Gated, run_duri: RunDuri) -> None:
    """Set aside for the gate, a variable that names the release returns under its own name."""
    inside = str(gated.made.root)
    given = {"LD_LIBRARY_PATH": inside, "PYTHONPATH": inside, "KEPT": "a b\nc", "EMPTY": ""}
    script = "import json, os; print(json.dumps(dict(os.environ)))"
    ran = run_duri(*gated.gate(sys.executable, "-c", script), env=given, check=0)
    seen = json.loads(ran.out)
    assert {name: seen.get(name) for name in given} == given
    assert not [name for name in seen if name.startswith("DURI_SET_ASIDE")]
    assert seen["PYTHONNOUSERSITE"] == "1"


FOREIGN: Mapping[str, tuple[str, ...]] = {
    "LD_PRELOAD": ("/tmp/evil.so", "evil.so", "{root}/a.so:/tmp/evil.so", "{root}/a.so /tmp/b.so"),
    "LD_LIBRARY_PATH": (":", "{root}:", ":{root}", "{root}::{root}", "/tmp", ".", "{root}/../x"),
    "PYTHONPATH": ("/tmp", "{root}:", "{root}/link", "$ORIGIN", "{root}/$LIB"),
    "PYTHONPYCACHEPREFIX": ("/tmp/cache",),
    "PYTHONHOME": ("/tmp",),
    "PERLLIB": ("/tmp",),
    "CLASSPATH": ("/tmp/evil.jar",),
    "OPENSSL_CONF": ("/tmp/openssl.cnf",),
    "DOTNET_STARTUP_HOOKS": ("/tmp/evil.dll",),
    "NODE_OPTIONS": (
        "--require /tmp/evil.js",
        '"--require" /tmp/evil.js',
        "--experimental_loader=/tmp/e.mjs",
        "-r /tmp/evil.js",
        "--max-old-space-size=1 --import=/tmp/e.mjs",
    ),
    "JAVA_TOOL_OPTIONS": (
        "-javaagent:/tmp/evil.jar",
        '"-javaagent:/tmp/evil.jar"',
        '-XX:OnOutOfMemoryError="sh /tmp/evil"',
        "-cp /tmp",
        "@/tmp/options",
    ),
    "PERL5OPT": ("-MEvil", "MEvil", "-wMEvil", "-I/tmp"),
    "RUBYOPT": ("-r/tmp/evil", "r/tmp/evil", "-W0r/tmp/evil", "-rubygems"),
    "BASH_FUNC_ls%%": ("() { /tmp/evil; }",),
    "LUA_INIT": ("@/tmp/evil.lua",),
    "PERL5DB": ("BEGIN { do '/tmp/evil' }",),
}

OWN: Mapping[str, tuple[str, ...]] = {
    "LD_PRELOAD": ("", "{root}/a.so", "{root}/a.so:{root}/b.so"),
    "LD_LIBRARY_PATH": ("", "{root}", "{root}/lib:{root}/lib64"),
    "PYTHONPATH": ("", "{root}", "{root}/x/../y"),
    "NODE_OPTIONS": ("", "--max-old-space-size=4096 --enable-source-maps"),
    "JAVA_TOOL_OPTIONS": ("-Xmx512m -XX:+UseG1GC -XX:MaxRAMPercentage=75.0",),
    "PERL5OPT": ("-w",),
    "RUBYOPT": ("-W:no-deprecated --yjit", "-W0"),
    "PATH": ("/tmp",),
    "LANG": ("C.UTF-8",),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_variable_that_brings_in_foreign_code_is_removed(name: str, tmp_path: Path) -> None:
    root = tmp_path / "app"
    root.mkdir()
    (root / "link").symlink_to("/tmp")
    for value in FOREIGN[name]:
        given = {name: value.format(root=root) if "{root}" in value else value}
        start = launch.prepare(given, root=str(root), keep=False)
        assert start.foreign == (name,), value
        assert name not in start.environment
        assert launch.prepare(given, root=str(root), keep=True).environment == given


@pytest.mark.parametrize("name", OWN)
def test_variable_that_names_only_the_release_is_passed_on(name: str, tmp_path: Path) -> None:
    root = tmp_path / "app"
    root.mkdir()
    for value in OWN[name]:
        given = {name: value.format(root=root)}
        start = launch.prepare(given, root=str(root), keep=False)
        assert start.foreign == (), value
        assert start.environment == {**given, "PYTHONNOUSERSITE": "1"}


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
