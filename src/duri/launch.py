"""How a gated command starts: the file that it is, and what it inherits.

Guarantees: a variable that names code is passed on when all it names lies inside the verified root,
whose content was just proved; otherwise it is removed, or the launch refused, and named either way.
A name without a slash is looked up on PATH and never in the working folder.

Leaves to others: code that the command loads from outside the root by itself, and code below the
root that the policy leaves free to change (see the threat model).
"""

import os
import re
from collections.abc import Mapping

import msgspec

from duri.errors import UsageError

_PATHS = frozenset(
    {
        "BASH_ENV",
        "CLASSPATH",
        "DOTNET_STARTUP_HOOKS",
        "ENV",
        "GCONV_PATH",
        "GEM_HOME",
        "GEM_PATH",
        "LD_AUDIT",
        "LD_LIBRARY_PATH",
        "LD_PRELOAD",
        "LUA_CPATH",
        "LUA_PATH",
        "NODE_PATH",
        "OPENSSL_CONF",
        "OPENSSL_ENGINES",
        "OPENSSL_MODULES",
        "PERL5LIB",
        "PERLLIB",
        "PYTHONHOME",
        "PYTHONPATH",
        "PYTHONPYCACHEPREFIX",
        "PYTHONSTARTUP",
        "PYTHONUSERBASE",
        "RUBYLIB",
    }
)
"""Name files or folders with code, or with what names code."""

_SEPARATORS = re.compile(r"[:;\s]")

_CODE = ("BASH_FUNC_", "LUA_INIT", "PERL5DB")
"""How the names of variables start that hold code themselves, which is foreign whatever it is."""

_JAVA = re.compile(r"-X(m[nsx]|ss)\d+[kKmMgG]?|-XX:[+-]?(Use|Max|Min|Initial)\w+(=[\w.]+)?")
_HARMLESS = {
    "JAVA_TOOL_OPTIONS": _JAVA,
    "JDK_JAVA_OPTIONS": _JAVA,
    "_JAVA_OPTIONS": _JAVA,
    "NODE_OPTIONS": re.compile(
        r"--(max|min)[-_](old|semi|new)[-_]space[-_]size=\d+|--enable-source-maps|--no-[\w-]+"
        r"|--unhandled-rejections=\w+|--(no-)?(warnings|deprecation)|--trace-[\w-]+"
        r"|--dns-result-order=\w+|--max-http-header-size=\d+|--stack-trace-limit=\d+"
    ),
    "PERL5OPT": re.compile(r"-?[wWXtTU]+|-?C\w*"),
    "RUBYOPT": re.compile(r"-?w|-?W[012]?|-?W:(no-)?\w+|--y?jit|--(en|dis)able[-=][\w,-]+"),
}
"""Variables with options, and the options that bring in nothing.

All others count as foreign: options can be quoted, joined, abbreviated and written without a dash,
so a list of bad ones is never whole.
"""


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """The environment of a command, and the variables that could bring in other code.

    Attributes:
        environment: what the command gets.
        foreign: names of variables that name code outside the root.
    """

    environment: dict[str, str]
    foreign: tuple[str, ...]


def prepare(environment: Mapping[str, str], *, root: str, keep: bool) -> Launch:
    """Return what a command that starts in a verified root may inherit.

    Args:
        environment: what is there.
        root: the verified root.
        keep: pass everything on; the foreign variables are named all the same.
    """
    foreign = tuple(
        sorted(name for name, value in environment.items() if _is_foreign(name, value, root))
    )
    if keep:
        return Launch(environment=dict(environment), foreign=foreign)
    passed = {name: value for name, value in environment.items() if name not in foreign}
    # Packages in a user's home are outside the root and take precedence over the sealed ones.
    return Launch(environment={**passed, "PYTHONNOUSERSITE": "1"}, foreign=foreign)


def find(name: str, environment: Mapping[str, str]) -> str:
    """Return the file that a command's name means.

    Parts of PATH that are not absolute are passed over: they mean the working folder, or one below.

    Raises:
        UsageError: there is none, or none that may be executed.
    """
    here = [name]
    if "/" not in name:
        path = environment.get("PATH", os.defpath)
        here = [os.path.join(part, name) for part in path.split(":") if os.path.isabs(part)]
    there = [file for file in here if os.path.isfile(file)]
    for file in there:
        if os.access(file, os.X_OK):
            return file
    if there:
        raise UsageError("the command may not be executed", where=there[0])
    if "/" not in name:
        raise UsageError("there is no such command on PATH", where=name)
    missing = not os.path.lexists(name)
    raise UsageError(
        "there is no such command" if missing else "the command is no file", where=name
    )


def _is_foreign(name: str, value: str, root: str) -> bool:
    if name in _PATHS:
        # Loaders take an empty part between two separators for the working folder.
        return bool(value) and not all(_inside(part, root) for part in _SEPARATORS.split(value))
    if name in _HARMLESS:
        return not all(_HARMLESS[name].fullmatch(word) for word in value.split())
    return name.startswith(_CODE)


def _inside(path: str, root: str) -> bool:
    """Return whether a path is absolute and resolves to something below the root.

    One with a `$` is not: the dynamic loader puts something else in its place.
    """
    outer = os.path.realpath(root).rstrip("/") + "/"
    return (
        os.path.isabs(path) and "$" not in path and (os.path.realpath(path) + "/").startswith(outer)
    )
