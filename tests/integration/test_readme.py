"""The documents' terminal sessions are real: each is run, and its output compared.

Every ```console block of a document is run by one shell in one empty folder, in order, with
.venv/bin on PATH, and every ```python block by the interpreter in that folder. Output is compared
after normalising only what must differ between two runs: times, keyids, ids, durations. Blocks of
any other kind are not run. A Korean edition has the very blocks of the English one.

A watcher in the background gets a free port in place of ADDRESS. `duri status` is asked again for a
few seconds while its first line is another one, as a person would who types faster than a watcher
starts. What still runs at the end of a document is ended.
"""

import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.conftest import Component

REPOSITORY = Path(__file__).parents[2]
DOCUMENTS = [
    "README.md",
    "README.ko.md",
    "docs/containers.md",
    "docs/exit-codes.md",
    "docs/formats.md",
    "docs/keys.md",
    "docs/receipts.md",
    "docs/settings.md",
    "docs/threat-model.md",
    "docs/watch.md",
]
TWINS = [
    ("README.md", "README.ko.md"),
    *(
        (f"docs/{name}.md", f"docs/ko/{name}.md")
        for name in ("containers", "exit-codes", "keys", "receipts", "threat-model", "watch")
    ),
]
NEEDS = {"docs/formats.md": "jq"}

MARK = "\x1e"
ADDRESS = "127.0.0.1:9101"
STATUS = "duri status"
ASK_AGAIN = """
_ask() {
  local out code attempt
  for attempt in {1..60}; do
    out=$(eval "$2" 2>&1); code=$?
    [[ ${out%%$'\\n'*} == "$1" ]] && break
    sleep 0.1
  done
  printf '%s\\n' "$out"
  return $code
}
"""
FENCE = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")

VARYING = [
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    # A deployment's id ends in the sequence, which is the time, and digits of the checksums.
    (re.compile(r"-\d{10}-[0-9a-f]{12}\b"), "-ID"),
    (re.compile(r"\b(key |by |keys +|ID: )[0-9a-f]{12,64}…?(?![0-9a-f])"), r"\1KEYID"),
    (re.compile(r"^[0-9a-f]{16}(?=  )", re.MULTILINE), "KEYID"),
    (re.compile(r"\b\d+ ms\b"), "DURATION"),
    (re.compile(r"\bduration_ms=\d+"), "duration_ms=DURATION"),
    (re.compile(r"\b\d+\.\d s\b"), "DURATION"),
]


class Block(NamedTuple):
    """A fenced block: its kind, its text, the line it starts on."""

    kind: str
    text: str
    line: int


def blocks(document: str) -> list[Block]:
    """Return the blocks of a document that are run."""
    return [
        Block(match[1], match[2], document.count("\n", 0, match.start()) + 1)
        for match in FENCE.finditer(document)
    ]


def steps(block: Block) -> list[tuple[str, str]]:
    """Return the commands of a console block, each with the output that the document shows."""
    if block.kind == "python":
        code, _, shown = block.text.partition("# prints:\n")
        output = "".join(line.removeprefix("# ") for line in shown.splitlines(keepends=True))
        return [(f"python - <<'PYTHON'\n{code}PYTHON", output)]
    found: list[tuple[str, str]] = []
    for line in block.text.splitlines(keepends=True):
        if line.startswith("$ "):
            found.append((line[2:].rstrip("\n"), ""))
        elif line.startswith("> ") and not found[-1][1]:
            found[-1] = (f"{found[-1][0]}\n{line[2:].rstrip()}", "")
        else:
            found[-1] = (found[-1][0], found[-1][1] + line)
    return found


def normalised(output: str) -> str:
    """Return output without what must differ between two runs."""
    for pattern, word in VARYING:
        output = pattern.sub(word, output)
    return output


def run_all(shown: list[tuple[str, str]], folder: Path) -> list[str]:
    """Run commands in one shell and return what each wrote, both streams together.

    Args:
        shown: each command with the output that a document shows for it.
        folder: where the shell starts.
    """
    script = ["_mark() { local code=$?; printf '\\036'; return $code; }", "umask 022", ASK_AGAIN]
    script += ["trap 'kill $(jobs -p) 2> /dev/null' EXIT"]
    for command, expected in shown:
        if command.startswith(STATUS):
            first = expected.partition("\n")[0]
            script += [f"_ask {shlex.quote(first)} {shlex.quote(command)}", "_mark"]
        else:
            script += [command, "_mark"]
    address = f"127.0.0.1:{free_port()}"
    text = "\n".join(script).replace(ADDRESS, address)
    ran = subprocess.run(
        ["bash", "-c", text.replace(STATUS, f"{STATUS} --url http://{address}")],
        cwd=folder,
        env={
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": os.fspath(folder),
            "LANG": "C.UTF-8",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=120,
        check=False,
    )
    outputs = ran.stdout.replace(address, ADDRESS).split(MARK)
    assert len(outputs) == len(shown) + 1, ran.stdout
    return outputs[:-1]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def differences(document: str, folder: Path) -> list[str]:
    """Run a document in a folder; return what is wrong about each output that it does not show."""
    shown = [(block, *step) for block in blocks(document) for step in steps(block)]
    outputs = run_all([(command, expected) for _, command, expected in shown], folder)
    return [
        f"line {block.line}: $ {command}\n--- the document shows\n{expected}--- it gives\n{output}"
        for (block, command, expected), output in zip(shown, outputs, strict=True)
        if normalised(expected) != normalised(output)
    ]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_terminal_sessions_are_real(name: str, tmp_path: Path, component: Component) -> None:
    if name in NEEDS:
        component(NEEDS[name])
    document = (REPOSITORY / name).read_text()
    assert differences(document, tmp_path) == []


def test_a_session_that_is_not_real_is_caught(tmp_path: Path) -> None:
    document = "```console\n$ echo one; (exit 3)\none\n$ echo $?\n3\n$ echo two\nthree\n```\n"
    (found,) = differences(document, tmp_path)
    assert "$ echo two" in found


def test_a_status_that_never_comes_is_caught(tmp_path: Path) -> None:
    late = "$ duri() { echo . >> asked; [ $(wc -l < asked) -lt 3 ] && echo no || echo VERIFIED; }\n"
    document = f"```console\n{late}$ duri status\nVERIFIED\n```\n"
    assert differences(document, tmp_path) == []
    (found,) = differences(document.replace("\nVERIFIED\n", "\nCORRUPTED\n"), tmp_path)
    assert "VERIFIED" in found


def test_python_blocks_are_run_and_their_output_compared(tmp_path: Path) -> None:
    good = "```python\nprint(6 * 7)\n# prints:\n# 42\n```\n"
    assert differences(good, tmp_path) == []
    assert differences(good.replace("# 42", "# 41"), tmp_path)
    assert differences(good.replace("6 * 7", "6 * seven"), tmp_path)


def test_only_what_must_differ_is_normalised() -> None:
    assert normalised("checked 2026-11-22T10:00:00Z") == normalised("checked 2027-01-01T00:00:00Z")
    assert normalised("exit 10") != normalised("exit 11")
    assert normalised("12 files, 3 bytes in 4 ms") != normalised("13 files, 3 bytes in 4 ms")
    assert normalised("sealed 0123456789ab…") != normalised("sealed 0123456789ac…")
    assert normalised(f'"a": "{"0" * 64}"') != normalised(f'"a": "{"1" * 64}"')
    assert normalised(f"active key {'0' * 64}") == normalised(f"active key {'1' * 64}")


@pytest.mark.parametrize(("english", "korean"), TWINS)
def test_korean_edition_runs_the_same_commands(english: str, korean: str) -> None:
    def run(name: str) -> list[tuple[str, str]]:
        document = (REPOSITORY / name).read_text()
        return [step for block in blocks(document) for step in steps(block)]

    assert run(korean) == run(english)


def test_readme_shows_commands_and_the_api() -> None:
    kinds = {block.kind for block in blocks((REPOSITORY / "README.md").read_text())}
    assert kinds == {"console", "python"}


@pytest.mark.parametrize(
    "path",
    sorted(
        path.relative_to(REPOSITORY).as_posix()
        for path in [
            *REPOSITORY.glob("*.md"),
            *REPOSITORY.glob("docs/**/*.md"),
            *REPOSITORY.glob("examples/*.md"),
        ]
    ),
)
def test_links_between_documents_lead_somewhere(path: str) -> None:
    source = REPOSITORY / path
    targets = [link for link in LINK.findall(source.read_text()) if "://" not in link]
    # Figures are made by `make bench`, on whatever machine they are about.
    missing = [
        link
        for link in targets
        if not (source.parent / link).exists() and "docs/benchmarks" not in link
    ]
    assert missing == []
