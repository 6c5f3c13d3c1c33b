"""What a call brings to its command: root and settings; and how to call `duri verify` again."""

import os
from collections.abc import Mapping

from duri import settings
from duri.settings import Settings

_REPEATED = (
    "keyring",
    "artifacts",
    "product",
    "environment",
    "minimum_sequence",
    "state",
    "authorization",
    "config",
    "mode",
    "algorithm",
)


def load(values: Mapping[str, object]) -> tuple[str, Settings]:
    """Return the root and the settings of a command that verifies.

    The root is the argument, else DURI_INTEGRITY_ROOT, else the working folder. It is settled
    before `duri.toml` is looked at, which may lie inside it and is not believed there.
    """
    config = _config(values)
    root = settings.root_named(values, configuration=config) or os.curdir
    loaded = settings.load(flags={**values, "root": root}, configuration=config, verifying=root)
    return root, loaded


def load_believing(values: Mapping[str, object]) -> tuple[str, Settings]:
    """Return the root and the settings of a command that seals, beside its own `duri.toml`."""
    loaded = settings.load(flags=values, configuration=_config(values))
    return loaded.root or os.curdir, loaded


def log_format(values: Mapping[str, object]) -> str:
    """Return how to log what goes wrong before the settings are known: `text` or `json`.

    The flag says, then the variable, and text where neither says anything usable. A `duri.toml`
    says nothing here: it may be what is wrong.
    """
    said = values.get("log_format") or settings.inherited_environment().get("DURI_LOG_FORMAT")
    return "json" if str(said).lower() == "json" else "text"


def again(root: str, values: Mapping[str, object]) -> str:
    """Return the `duri verify` that judges the same with the same flags, for a shell."""
    from duri.report.advice import quoted

    words = [
        f"--{name.replace('_', '-')} {quoted(str(values[name]))}"
        for name in _REPEATED
        if values.get(name) is not None
    ]
    words += ["--from-archive"] if values.get("from_archive") else []
    # A root that starts with a dash is no option.
    return " ".join(["duri verify", quoted(f"./{root}" if root.startswith("-") else root), *words])


def _config(values: Mapping[str, object]) -> str | None:
    config = values.get("config")
    return config if isinstance(config, str) else None
