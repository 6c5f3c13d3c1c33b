"""Settings: flags, then `DURI_…` variables, then `duri.toml`, then a default, each with its source.

Guarantees: this is the only module that reads the environment. Every value is typed and checked
here; an unknown name in `duri.toml` is an error, since it is a misspelling. A `duri.toml` that lies
inside the tree being verified, and that nobody named, is not believed: whoever can change the tree
could change it.

Leaves to others: what a setting means. None is "nothing was said", which differs from a default.
"""

import os
import stat
from collections.abc import Mapping

import msgspec

from duri.containment import passes_through
from duri.errors import UsageError
from duri.limits import MAX_CONFIGURATION_BYTES
from duri.setting import (
    DEFAULT_INTERVAL,
    DEFAULT_LISTEN,
    DEFAULT_STAT_PASSES,
    DEFAULT_THREADS,
    TABLE,
    Setting,
)

CONFIGURATION = "duri.toml"
PRODUCTION = frozenset({"prod", "production"})


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What was said, and by whom.

    Attributes:
        rotation_period_days: age at which an active key is due.
        excludes: ignore patterns from DURI_INTEGRITY_EXCLUDES.
        minimum_sequence: the floor below which a release is refused.
        state: file in which a verifier keeps the highest sequence and latest time it has seen.
        production: whether any source said prod, so that no other can unsay it.
        sources: name of a setting -> "flag", "DURI_…", "duri.toml" or "default".
        configuration: the `duri.toml` that was read.
        ignored_configuration: a `duri.toml` that was not believed.
    """

    root: str | None = None
    artifacts: str | None = None
    keyring: str | None = None
    hmac_key_file: str | None = None
    hmac_key: str | None = None
    rotation_period_days: int = 90
    dual_verify: bool = True
    environment: str | None = None
    product: str | None = None
    mode: str | None = None
    algorithm: str | None = None
    spike_threshold: str | None = None
    excludes: tuple[str, ...] | None = None
    ignore: tuple[str, ...] | None = None
    mutable: tuple[str, ...] | None = None
    append_only: tuple[str, ...] | None = None
    external_links: tuple[str, ...] | None = None
    owners: bool | None = None
    case_twins: bool | None = None
    minimum_sequence: int | None = None
    state: str | None = None
    authorization: str | None = None
    threads: int = DEFAULT_THREADS
    log_format: str = "text"
    gate_environment: str = "scrub"
    interval: int = DEFAULT_INTERVAL
    stat_passes: int = DEFAULT_STAT_PASSES
    max_bytes_per_second: int | None = None
    settle: int = 0
    listen: str = DEFAULT_LISTEN
    textfile: str | None = None
    receipts: str | None = None
    receipt_key: str | None = None
    target_process: str | None = None
    source_date_epoch: int | None = None
    production: bool = False
    sources: dict[str, str] = {}
    configuration: str | None = None
    ignored_configuration: str | None = None

    @property
    def is_production(self) -> bool:
        """Whether the rules of production hold: strict, no key from the environment."""
        return self.production or _says_production(self.environment)

    def __repr__(self) -> str:
        """Never show a key."""
        shown = (f"{s.name}={shown_value(self, s)}" for s in TABLE)
        return f"Settings({', '.join(shown)})"


_BY_NAME = {setting.name: setting for setting in TABLE}


def load(
    *,
    environ: Mapping[str, str] | None = None,
    cwd: str | None = None,
    flags: Mapping[str, object] | None = None,
    configuration: str | None = None,
    verifying: str | None = None,
) -> Settings:
    """Gather the settings.

    Args:
        environ: the environment; the process's own when None.
        cwd: where `duri.toml` is looked for; the working folder when None.
        flags: values given on the command line, typed already; None values were not given, and
            names that are no setting are left alone.
        configuration: a `duri.toml` named on purpose, believed wherever it lies.
        verifying: the root about to be verified: a `duri.toml` inside it is not believed.

    Raises:
        UsageError: a value is not what its setting takes; the message names where it came from.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, object] = {}
    sources: dict[str, str] = {}
    named = configuration or environ.get("DURI_CONFIG") or None
    path = named or (os.path.join(cwd, CONFIGURATION) if cwd else CONFIGURATION)
    ignored = None
    if named is None and not os.path.isfile(path):
        path = ""
    elif named is None and verifying is not None and passes_through(path, verifying):
        path, ignored = "", path
    if path:
        _take_configuration(path, values, sources)
    production = _says_production(values.get("environment"))
    for setting in TABLE:
        text = environ.get(setting.variable) if setting.variable else None
        if text:
            values[setting.name] = _parsed(setting, text, where=setting.variable)
            sources[setting.name] = setting.variable
    production = production or _says_production(values.get("environment"))
    for name, value in (flags or {}).items():
        if name in _BY_NAME and value is not None and value != ():
            values[name] = value
            sources[name] = "flag"
    return Settings(
        **values,  # type: ignore[arg-type] # each value was parsed by its row of the table
        production=production,
        sources=sources,
        configuration=path or None,
        ignored_configuration=ignored,
    )


def root_named(
    flags: Mapping[str, object],
    *,
    environ: Mapping[str, str] | None = None,
    configuration: str | None = None,
) -> str | None:
    """Return the root that a flag, a variable or a `duri.toml` named on purpose gives.

    An unnamed `duri.toml` inside the root is not believed, so it cannot be what names the root.
    """
    environ = os.environ if environ is None else environ
    named = configuration or environ.get("DURI_CONFIG")
    if named:
        return load(environ=environ, flags=flags, configuration=named).root
    root = flags.get("root") or environ.get("DURI_INTEGRITY_ROOT") or None
    return root if isinstance(root, str) else None


def shown_value(settings: Settings, setting: Setting) -> str:
    """Return a value as a person may see it: a key never."""
    value = getattr(settings, setting.name)
    if value is None:
        return "-"
    if setting.kind == "secret":
        return "(set)"
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(value) if isinstance(value, tuple) else str(value)


class Supervisor(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever started a service tells it through the environment.

    Attributes:
        notify_socket: where systemd listens for READY=1 and its kin (sd_notify(3)).
        watchdog_usec: how often it wants to hear, in microseconds.
        watchdog_pid: the process that it wants to hear of.
        state_directory: the folder that it made for the service's state.
        in_kubernetes: whether the process runs in a pod.
        state_home: where a user's programs keep their state (XDG base directories).
    """

    notify_socket: str | None = None
    watchdog_usec: str | None = None
    watchdog_pid: str | None = None
    state_directory: str | None = None
    in_kubernetes: bool = False
    state_home: str | None = None


def supervisor(environ: Mapping[str, str] | None = None) -> Supervisor:
    """Return what the supervisor of this process told it."""
    environ = os.environ if environ is None else environ
    home = environ.get("HOME")
    return Supervisor(
        notify_socket=environ.get("NOTIFY_SOCKET") or None,
        watchdog_usec=environ.get("WATCHDOG_USEC") or None,
        watchdog_pid=environ.get("WATCHDOG_PID") or None,
        state_directory=environ.get("STATE_DIRECTORY") or None,
        in_kubernetes=bool(environ.get("KUBERNETES_SERVICE_HOST")),
        state_home=environ.get("XDG_STATE_HOME")
        or (os.path.join(home, ".local", "state") if home else None),
    )


def inherited_environment() -> dict[str, str]:
    """Return a copy of the process's environment, for the command that a gate starts."""
    return dict(os.environ)


def _parsed(setting: Setting, text: str, *, where: str) -> object:
    try:
        return setting.parse(text)
    except UsageError as error:
        raise UsageError(error.what, where=where, expected=error.expected, got=error.got) from error
    except ValueError as error:
        got = "a secret" if setting.kind == "secret" else repr(text)
        raise UsageError("not a usable value", where=where, expected=str(error), got=got) from error


def _take_configuration(path: str, values: dict[str, object], sources: dict[str, str]) -> None:
    """Read `duri.toml`: a flat table, its relative paths relative to its folder."""
    import tomllib

    try:
        document = tomllib.loads(_read(path).decode())
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError("the configuration cannot be read", where=path, got=str(error)) from error
    for name, value in document.items():
        setting = _BY_NAME.get(name)
        if setting is None or setting.kind == "secret":
            known = ", ".join(s.name for s in TABLE if s.kind != "secret")
            raise UsageError(f"no setting named {name!r}", where=path, expected=f"one of: {known}")
        values[name] = _from_toml(setting, value, path)
        sources[name] = CONFIGURATION


def _read(path: str) -> bytes:
    """Return what is in a file, bounded, and without waiting for a FIFO's writer."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise UsageError("the configuration is not a regular file", where=path)
        data = os.read(file, MAX_CONFIGURATION_BYTES + 1)
    finally:
        os.close(file)
    if len(data) > MAX_CONFIGURATION_BYTES:
        # What is left of a line that was cut could say something else.
        expected = f"at most {MAX_CONFIGURATION_BYTES} bytes"
        raise UsageError("the configuration is too large", where=path, expected=expected)
    return data


def _from_toml(setting: Setting, value: object, path: str) -> object:
    where = f"{path}, {setting.name}"
    if setting.kind == "list":
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise UsageError("not a usable value", where=where, expected="a list of strings")
        return tuple(value)
    if setting.kind == "switch":
        if not isinstance(value, bool):
            raise UsageError("not a usable value", where=where, expected="true or false")
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UsageError("not a usable value", where=where, got=repr(value))
    text = str(value)
    if "\0" in text:
        raise UsageError("not a usable value", where=where, got="a NUL in it")
    if setting.kind == "path":
        return os.path.join(os.path.dirname(os.path.abspath(path)), text)
    return _parsed(setting, text, where=where)


def _says_production(environment: object) -> bool:
    return isinstance(environment, str) and environment.strip().lower() in PRODUCTION
