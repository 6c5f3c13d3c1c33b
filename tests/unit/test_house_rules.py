"""The rules of the house that no linter has, each with code it refuses and code it accepts."""

import ast
import os
import re
import subprocess
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from tests.conftest import Component

REPOSITORY = Path(__file__).parents[2]
SOURCE = REPOSITORY / "src"
MODULES = sorted(path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py"))

CORE_IMPORTERS = {
    f"duri/tree/{name}.py"
    for name in (
        *("comparison", "digest", "events", "exchange", "heap", "priority", "progress"),
        *("rooted", "rules", "scan"),
    )
}
ENVIRONMENT_READER = "duri/settings.py"
CATCHES_EVERYTHING = {"duri/cli/ending.py": 1, "duri/watch/loop.py": 1, "duri/watch/senses.py": 1}
"""Modules that may have `except Exception`, and how many: the top of the command line, and the one
around each loop that goes on."""

SLOW_IMPORTS = {"dataclasses", "inspect", "pathlib", "typing_extensions"}
"""Each costs milliseconds at every start of `duri`, and a boot gate waits for them."""

BELOW_REPORT = (
    "duri/evidence/",
    "duri/tree/",
    "duri/verdict.py",
    "duri/policy.py",
    "duri/errors.py",
)
PRESENTATION = {"click", "rich", "structlog", "prometheus_client"}

MAX_LINES = 300
READS_ENVIRONMENT = {"environ", "environb", "getenv", "getenvb"}


Rule = Callable[[str, str], Iterator[str]]
"""Takes a module's path under src and its source; yields what breaks the rule."""


def imported(source: str) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of each import; `from a import b` gives both a and a.b."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module, names) if module is not None:
                yield node.lineno, module
                yield from ((node.lineno, f"{module}.{alias.name}") for alias in names)


def only_the_tree_imports_the_core(path: str, source: str) -> Iterator[str]:
    if path not in CORE_IMPORTERS:
        for line, name in imported(source):
            if name == "duri.tree._core" or name.startswith("duri.tree._core."):
                yield f"{path}:{line}: imports {name}; only duri.tree may"


def only_settings_reads_the_environment(path: str, source: str) -> Iterator[str]:
    if path == ENVIRONMENT_READER:
        return
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(ast.Name("os"), name) if name in READS_ENVIRONMENT:
                yield f"{path}:{node.lineno}: os.{name}; only {ENVIRONMENT_READER} may"
    for line, name in imported(source):
        if name.startswith("os.") and name.removeprefix("os.") in READS_ENVIRONMENT:
            yield f"{path}:{line}: imports {name}; only {ENVIRONMENT_READER} may"


def nothing_slow_is_imported(path: str, source: str) -> Iterator[str]:
    for line, name in imported(source):
        if name.partition(".")[0] in SLOW_IMPORTS:
            yield f"{path}:{line}: imports {name}, which is slow"


def nothing_below_the_report_knows_a_terminal(path: str, source: str) -> Iterator[str]:
    if path.startswith(BELOW_REPORT):
        for line, name in imported(source):
            if name.partition(".")[0] in PRESENTATION:
                yield f"{path}:{line}: imports {name}; what it says is rendered above"


def nothing_catches_everything(path: str, source: str) -> Iterator[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            if any(
                one is None
                or (isinstance(one, ast.Name) and one.id in {"Exception", "BaseException"})
                for one in caught
            ):
                found.append(node.lineno)
    if len(found) > CATCHES_EVERYTHING.get(path, 0):
        yield from (f"{path}:{line}: catches every exception" for line in found)


def a_module_is_short_or_says_why(path: str, source: str) -> Iterator[str]:
    lines = source.count("\n")
    docstring = ast.get_docstring(ast.parse(source)) or ""
    if lines > MAX_LINES and not re.search(r"(?i)\blong(er)?\s+because\b", docstring):
        yield (
            f"{path}: {lines} lines; split it at {MAX_LINES}, "
            "or say 'long because …' in its docstring"
        )


RULES: list[tuple[Rule, str, str]] = [
    (only_the_tree_imports_the_core, "from duri.tree import _core", "from duri.tree import scan"),
    (only_the_tree_imports_the_core, "from duri.tree._core import kernel", "import duri.tree.scan"),
    (only_settings_reads_the_environment, "import os\nos.environ['A']", "import os\nos.fsync(1)"),
    (only_settings_reads_the_environment, "from os import getenv", "from os import fsync"),
    (nothing_slow_is_imported, "from dataclasses import dataclass", "import msgspec"),
    (nothing_slow_is_imported, "import pathlib", "import os.path"),
    (nothing_below_the_report_knows_a_terminal, "from rich.text import Text", "import msgspec"),
    (
        nothing_catches_everything,
        "try:\n    pass\nexcept (OSError, Exception):\n    pass",
        "try:\n    pass\nexcept (OSError, ValueError):\n    pass",
    ),
    (nothing_catches_everything, "try:\n    pass\nexcept:\n    pass", "x = Exception"),
    (a_module_is_short_or_says_why, "x = 1\n" * 301, "x = 1\n" * 300),
    (a_module_is_short_or_says_why, "x = 1\n" * 301, '"""Long because x."""\n' + "x = 1\n" * 301),
]


@pytest.mark.parametrize(("rule", "refused", "accepted"), RULES)
def test_rule_refuses_what_breaks_it_and_accepts_the_rest(
    rule: Rule, refused: str, accepted: str
) -> None:
    assert list(rule("duri/tree/example.py", refused))
    assert not list(rule("duri/tree/example.py", accepted))


@pytest.mark.parametrize(
    "rule",
    [
        only_the_tree_imports_the_core,
        only_settings_reads_the_environment,
        nothing_slow_is_imported,
        nothing_below_the_report_knows_a_terminal,
        nothing_catches_everything,
        a_module_is_short_or_says_why,
    ],
)
def test_product_keeps_the_rule(rule: Rule) -> None:
    assert MODULES
    broken = [
        complaint
        for path in MODULES
        for complaint in rule(path, (SOURCE / path).read_text("utf-8"))
    ]
    assert not broken, "\n".join(broken)


def test_exempt_modules_exist() -> None:
    assert {ENVIRONMENT_READER, *CORE_IMPORTERS, *CATCHES_EVERYTHING} <= set(MODULES)


def without_a_layer(names: Iterable[str], layers: Iterable[str]) -> set[str]:
    """Return the children of `duri` that no layer names; import-linter says nothing about them."""
    placed = {name for layer in layers for name in re.findall(r"duri\.(\w+)", layer)}
    return set(names) - placed


def test_module_without_a_layer_is_found() -> None:
    assert without_a_layer(["cli", "tree", "stray"], ["(duri.cli)", "(duri.tree) | (duri.x)"]) == {
        "stray"
    }


def test_every_module_has_a_layer() -> None:
    children = {
        path.split("/")[1].removesuffix(".py") for path in MODULES if path.startswith("duri/")
    }
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    assert not without_a_layer(children - {"__init__", "__main__"}, layers)


@pytest.mark.parametrize("package", ["duri", "DuRiCore"])
def test_package_says_that_it_is_typed(package: str) -> None:
    assert (SOURCE / package / "py.typed").is_file()


# Nothing of one machine in what everybody gets. The parts are joined here so that this file does
# not hold what it looks for.
HOSTS = ["py" + "pi.org", "python" + "hosted.org", "npm" + "js.org", "proxy.golang" + ".org"]
HOSTS += [f"{part}.crates.io" for part in ("index", "static")]
MACHINE = re.compile(
    rb"(?<![\w.>*$})/-])/(?:root|work|home/\w+|Users/\w+|opt/wheels)(?=[/\s'\"`,;:)]|$)|"
    + "|".join(map(re.escape, HOSTS)).encode()
)


def of_one_machine(content: bytes) -> list[str]:
    """Return the paths of one machine and the registry hosts in a file's content."""
    return [found.group().decode() for found in MACHINE.finditer(content)]


def test_machine_paths_and_registry_hosts_are_found() -> None:
    assert of_one_machine(b"see /" + b"root/x and /" + b"home/me/y") == [
        "/" + "root",
        "/" + "home/me",
    ]
    assert of_one_machine(b"https://" + HOSTS[0].encode() + b"/simple") == [HOSTS[0]]


def test_paths_of_the_product_are_not_of_one_machine() -> None:
    assert not of_one_machine(b"/proc/<pid>/" + b"root /etc/secrets /app/home /rootfs a/work/b")


def test_tracked_files_name_no_machine_and_no_registry(component: Component) -> None:
    listed = subprocess.run(
        # The clone may belong to another user, as it does in a container.
        [component("git"), "-c", "safe.directory=*", "ls-files", "-z", "-co", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    )
    paths = [REPOSITORY / os.fsdecode(name) for name in listed.stdout.split(b"\0") if name]
    assert paths
    broken = [
        f"{path.relative_to(REPOSITORY)}: {found}"
        for path in paths
        if path.is_file() and not path.is_symlink()
        for found in of_one_machine(path.read_bytes())
    ]
    assert not broken, "\n".join(broken)
