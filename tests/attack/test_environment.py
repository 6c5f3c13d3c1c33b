"""Row 38: what the environment brings into the gate, and into the command that it becomes."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.attack.gated import Gated
from tests.attack.releases import make
from tests.conftest import RunDuri, require

from duri import launch


@pytest.fixture
def gated(tmp_path: Path) -> Gated:
    """Return a verified release to gate."""
    return Gated(make(tmp_path / "app"))


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


def test_refusing_policy_starts_nothing(gated: Gated, run_duri: RunDuri, library: Path) -> None:
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
