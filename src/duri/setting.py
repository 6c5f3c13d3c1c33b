"""The table of settings: each one's name, variable, type, and what it is for.

Guarantees: a text becomes a typed value in one place, or a ValueError that says what is expected.
"""

from collections.abc import Callable

import msgspec

from duri.threshold import millionths
from duri.times import MAX_TIME

DEFAULT_THREADS = 32
"""Cold reads gain from many; warm ones lose nothing by them."""
MAX_THREADS = 256

DEFAULT_INTERVAL = 300
MIN_INTERVAL = 5
"""A full scan more often than that would never rest on a large release."""
MAX_INTERVAL = 86_400
"""A release that nothing proved for a day is not watched."""
DEFAULT_STAT_PASSES = 4
"""Between two full scans: with the default interval what events missed is found in a minute."""
MAX_STAT_PASSES = 100
MIN_BYTES_PER_SECOND = 64 * 1024
"""A slower scan of a usual release would not end within the longest interval."""
MAX_SETTLE = 60
DEFAULT_LISTEN = ":9101"
"""DESIGN, section 7: on all addresses, since Prometheus and the kubelet come from elsewhere."""


class Setting(msgspec.Struct, frozen=True):
    """One row of the table of settings."""

    name: str
    variable: str
    parse: Callable[[str], object]
    help: str
    kind: str = "text"


def _text(value: str) -> str:
    return value


def _choice(*allowed: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value.lower() not in allowed:
            raise ValueError(" or ".join(allowed))
        return value.lower()

    return parse


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not (value.isascii() and value.isdigit() and low <= int(value[:20]) <= high):
            message = f"a whole number from {low} to {high}"
            raise ValueError(message)
        return int(value)

    return parse


def _switch(value: str) -> bool:
    words = {"true": True, "1": True, "yes": True, "on": True}
    words |= {"false": False, "0": False, "no": False, "off": False}
    if value.lower() not in words:
        message = "true or false"
        raise ValueError(message)
    return words[value.lower()]


def _threshold(value: str) -> str:
    millionths(value)
    return value


def patterns(value: str) -> tuple[str, ...]:
    """Return the patterns of a variable: one a line, or separated by commas."""
    return tuple(part.strip() for part in value.replace(",", "\n").split("\n") if part.strip())


_FOREVER = 36_500
_MAX_SEQUENCE = 2**63 - 1

TABLE = (
    Setting("root", "DURI_INTEGRITY_ROOT", _text, "the folder that is sealed and verified", "path"),
    Setting("artifacts", "DURI_ARTIFACTS", _text, "the artifacts, .duri under the root", "path"),
    Setting("keyring", "DURI_KEYRING", _text, "the keyring file", "path"),
    Setting("hmac_key_file", "DURI_HMAC_KEY_FILE", _text, "a keyring or one raw key", "path"),
    Setting("hmac_key", "DURI_HMAC_KEY", _text, "a key itself; refused in prod", "secret"),
    Setting(
        "rotation_period_days",
        "DURI_HMAC_KEY_ROTATION_PERIOD",
        _whole(1, _FOREVER),
        "days until a key is due for rotation",
    ),
    Setting(
        "dual_verify", "DURI_HMAC_KEY_DUAL_VERIFY", _switch, "retiring keys still count", "switch"
    ),
    Setting("environment", "DURI_ENV", str.strip, "prod forces strict"),
    Setting("product", "DURI_PRODUCT", _text, "what is released"),
    Setting("mode", "DURI_INTEGRITY_MODE", _choice("strict", "lenient"), "strict or lenient"),
    Setting(
        "algorithm",
        "DURI_HASH_ALGORITHM",
        _choice("sha256", "sha512", "blake3"),
        "the hash of the files",
    ),
    Setting(
        "spike_threshold",
        "DURI_INTEGRITY_SPIKE_THRESHOLD",
        _threshold,
        "share of changed files that is a spike",
    ),
    Setting("excludes", "DURI_INTEGRITY_EXCLUDES", patterns, "ignore patterns", "list"),
    Setting("ignore", "", patterns, "ignore patterns", "list"),
    Setting("mutable", "", patterns, "what may change freely, never executable", "list"),
    Setting("append_only", "", patterns, "what may grow behind its sealed prefix", "list"),
    Setting("external_links", "", patterns, "links that may leave the root", "list"),
    Setting("owners", "", _switch, "whether owner and group are sealed", "switch"),
    Setting("case_twins", "", _switch, "whether names may differ only by case", "switch"),
    Setting(
        "minimum_sequence",
        "DURI_MINIMUM_SEQUENCE",
        _whole(0, _MAX_SEQUENCE),
        "an older release is refused",
    ),
    Setting("state", "DURI_STATE", _text, "file that keeps the floor and the latest time", "path"),
    Setting(
        "authorization", "DURI_AUTHORIZATION", _text, "permission for one older release", "path"
    ),
    Setting("threads", "DURI_THREADS", _whole(1, MAX_THREADS), "threads that read and hash"),
    Setting("log_format", "DURI_LOG_FORMAT", _choice("text", "json"), "text or json"),
    Setting(
        "gate_environment",
        "DURI_GATE_ENVIRONMENT",
        _choice("scrub", "refuse", "keep"),
        "what the gate does with LD_PRELOAD and its kin",
    ),
    Setting(
        "interval",
        "DURI_INTEGRITY_INTERVAL",
        _whole(MIN_INTERVAL, MAX_INTERVAL),
        "seconds between two full scans of a watcher",
    ),
    Setting(
        "stat_passes",
        "DURI_STAT_PASSES",
        _whole(0, MAX_STAT_PASSES),
        "scans between two full ones, reading only what changed its identity",
    ),
    Setting(
        "max_bytes_per_second",
        "DURI_MAX_BYTES_PER_SECOND",
        _whole(MIN_BYTES_PER_SECOND, _MAX_SEQUENCE),
        "what a full scan reads at most in a second",
    ),
    Setting(
        "settle",
        "DURI_SETTLE",
        _whole(0, MAX_SETTLE),
        "seconds without a change that a watcher waits for before it judges changes",
    ),
    Setting("listen", "DURI_LISTEN", _text, "where a watcher answers; none for nowhere"),
    Setting("textfile", "DURI_TEXTFILE", _text, "metrics for a textfile collector", "path"),
    Setting("receipts", "DURI_RECEIPTS", _text, "folder of a watcher's receipts", "path"),
    Setting("receipt_key", "DURI_RECEIPT_KEY", _text, "the key that signs receipts", "path"),
    Setting("target_process", "DURI_TARGET_PROCESS", _text, "the process whose root is watched"),
    Setting(
        "source_date_epoch",
        "SOURCE_DATE_EPOCH",
        _whole(0, MAX_TIME),
        "the time a seal says it was made",
    ),
)
