"""What a gated command inherits: which variables could bring in code that nobody verified.

Guarantees: a variable that names code is passed on when all it names lies inside the verified root,
whose content was just proved; otherwise it is removed, or the launch refused, and named either way.

Leaves to others: code that the command loads from outside the root by itself (see the threat model).
"""

import os
from collections.abc import Mapping

import msgspec

_PATHS = frozenset(
    {
        "BASH_ENV",
        "ENV",
        "GCONV_PATH",
        "LD_AUDIT",
        "LD_LIBRARY_PATH",
        "LD_PRELOAD",
        "NODE_PATH",
        "PERL5LIB",
        "PYTHONHOME",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "PYTHONUSERBASE",
        "RUBYLIB",
    }
)
_OPTIONS = {
    "JAVA_TOOL_OPTIONS": ("-javaagent", "-agentlib", "-agentpath", "-Xbootclasspath", "@"),
    "JDK_JAVA_OPTIONS": ("-javaagent", "-agentlib", "-agentpath", "-Xbootclasspath", "@"),
    "_JAVA_OPTIONS": ("-javaagent", "-agentlib", "-agentpath", "-Xbootclasspath", "@"),
    "NODE_OPTIONS": ("-r", "--require", "--import", "--loader", "--experimental-loader"),
    "PERL5OPT": ("-M", "-m", "-I", "-d"),
    "RUBYOPT": ("-r", "-I", "-C"),
}
_SEPARATORS = str.maketrans({":": " ", ";": " "})


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


def _is_foreign(name: str, value: str, root: str) -> bool:
    if name in _PATHS:
        return not all(_inside(part, root) for part in value.translate(_SEPARATORS).split())
    return any(word.startswith(_OPTIONS.get(name, ())) for word in value.split())


def _inside(path: str, root: str) -> bool:
    """Return whether a path is absolute and resolves to something below the root."""
    outer = os.path.realpath(root).rstrip("/") + "/"
    return os.path.isabs(path) and (os.path.realpath(path) + "/").startswith(outer)
