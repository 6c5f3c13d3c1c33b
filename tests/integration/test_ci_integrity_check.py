"""`scripts/ci_integrity_check.sh`, as deployments call it: exit codes, order, what it seals."""

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import pytest
from tests.conftest import DURI, Component, RunDuri, clean_environment

SCRIPT = Path(__file__).parents[2] / "scripts" / "ci_integrity_check.sh"
VERSION = "1.4.2"

Run: TypeAlias = Callable[[Mapping[str, str]], subprocess.CompletedProcess[str]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a small release that nobody sealed yet, with the script in it as images have it."""
    made = tmp_path / "app"
    (made / "scripts").mkdir(parents=True)
    made.chmod(0o755)
    (made / "main.py").write_text("print('hello')\n")
    (made / "scripts" / SCRIPT.name).write_bytes(SCRIPT.read_bytes())
    (made / "scripts" / SCRIPT.name).chmod(0o755)
    return made


@pytest.fixture
def run(root: Path, tmp_path: Path, component: Component) -> Run:
    """Return a runner of the script in a login shell, with the root for working folder."""
    bash = component("bash")

    def start(environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [bash, "-lc", "scripts/ci_integrity_check.sh"],
            cwd=root,
            env=clean_environment(tmp_path) | dict(environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return start


@pytest.fixture
def fake(tmp_path: Path) -> Callable[[Mapping[str, int]], dict[str, str]]:
    """Return a maker of a `duri` that writes down how it was called and exits as it is told."""

    def make(codes: Mapping[str, int]) -> dict[str, str]:
        folder = tmp_path / "bin"
        folder.mkdir()
        cases = "".join(f"{verb}) exit {code} ;;\n" for verb, code in codes.items())
        command = folder / "duri"
        command.write_text(
            f'#!/bin/sh\necho "$*" >> {tmp_path}/calls\ncase $1 in\n{cases}esac\nexit 99\n'
        )
        command.chmod(0o755)
        # A login shell sets PATH anew; its profile is where a machine puts it right.
        (tmp_path / ".profile").write_text(f"PATH={folder}:$PATH\n")
        return {}

    return make


def calls(tmp_path: Path) -> list[str]:
    """Return the calls that the fake wrote down."""
    file = tmp_path / "calls"
    return file.read_text().splitlines() if file.exists() else []


@pytest.mark.parametrize("code", [0, 1, 2, 10, 11, 12, 13])
def test_the_exit_code_is_the_verdicts(
    code: int, run: Run, fake: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    done = run(fake({"verify": code}))
    assert done.returncode == code
    assert len(done.stderr.splitlines()) == 1
    assert calls(tmp_path) == ["verify -- ."]


@pytest.mark.parametrize("code", [3, 9, 14, 99, 126, 127, 137, 255])
def test_an_unknown_exit_code_is_a_failure(
    code: int, run: Run, fake: Callable[..., dict[str, str]]
) -> None:
    done = run(fake({"verify": code}))
    assert done.returncode == 1
    assert f"unknown exit code {code}" in done.stderr


@pytest.mark.parametrize("tag", ["", "dev", "main"])
def test_what_is_no_release_is_not_sealed(
    tag: str, run: Run, fake: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    assert run(fake({"verify": 0, "seal": 0}) | {"GIT_TAG": tag}).returncode == 0
    assert calls(tmp_path) == ["verify -- ."]


@pytest.mark.parametrize("tag", ["v1.4.2", "1.4.2-rc.1", "develop", "--help", "mainline"])
def test_a_release_is_sealed_and_then_verified(
    tag: str, run: Run, fake: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    assert run(fake({"verify": 0, "seal": 0}) | {"GIT_TAG": tag}).returncode == 0
    assert calls(tmp_path) == [f"seal --version={tag} -- .", "verify -- ."]


@pytest.mark.parametrize(("code", "expected"), [(1, 1), (2, 2), (13, 13), (137, 1)])
def test_nothing_is_verified_after_a_seal_that_failed(
    code: int, expected: int, run: Run, fake: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    done = run(fake({"verify": 0, "seal": code}) | {"GIT_TAG": VERSION})
    assert done.returncode == expected
    assert f"seal of {VERSION}" in done.stderr
    assert calls(tmp_path) == [f"seal --version={VERSION} -- ."]


def test_the_root_is_the_variables(
    run: Run, fake: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    run(fake({"verify": 0}) | {"DURI_INTEGRITY_ROOT": "/srv/my app"})
    assert calls(tmp_path) == ["verify -- /srv/my app"]


def test_no_duri_anywhere_is_a_failure_that_says_so(run: Run, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    done = run({"DURI_PYTHON": str(python)})
    assert done.returncode == 1
    assert "install it, or set DURI_PYTHON" in done.stderr


def test_a_module_in_the_working_folder_is_not_imported(run: Run, root: Path) -> None:
    for name in ("duri", "msgspec"):
        (root / f"{name}.py").write_text("open('planted', 'w').close()\nraise SystemExit(0)\n")
    done = run({"DURI_PYTHON": str(DURI.parent / "python"), "PYTHONPATH": "."})
    assert done.returncode not in {0, 1}, done.stderr
    assert not (root / "planted").exists()


def test_a_tagged_release_is_sealed_and_only_that_release_passes(
    run: Run, root: Path, run_duri: RunDuri, tmp_path: Path
) -> None:
    keyring = tmp_path / "keyring.json"
    run_duri("keys", "new", "--out", keyring, check=0)
    settings = {
        "DURI_PYTHON": str(DURI.parent / "python"),
        "DURI_KEYRING": str(keyring),
        "DURI_ENV": "prod",
        "DURI_INTEGRITY_MODE": "strict",
    }
    assert run(settings).returncode == 13
    assert run(settings | {"GIT_TAG": VERSION}).returncode == 0
    metadata = json.loads((root / ".duri" / "deployment_metadata.json").read_text())
    assert metadata["version"] == VERSION
    assert run(settings).returncode == 0
    (root / "main.py").write_text("print('other')\n")
    assert run(settings).returncode == 10
    (root / ".duri" / "checksums.json").write_text("{}\n")
    assert run(settings).returncode == 11


def test_the_script_is_executable() -> None:
    assert os.access(SCRIPT, os.X_OK)
