"""What the benchmark ran on, without names of hosts, people or folders.

Guarantees: only facts that a figure depends on; one that cannot be read is left out, not guessed.
"""

import os
import platform
import re
import subprocess


def facts(*, workdir: str, python: str) -> dict[str, str]:
    """Return the machine's facts in the order in which the report shows them."""
    cores = len(os.sched_getaffinity(0))
    rows = {
        "processor": _processor(),
        "cores": str(cores),
        "memory": _memory(),
        "kernel": platform.release(),
        "file system": _output(["findmnt", "--noheadings", "--output=FSTYPE", "--target", workdir]),
        "interpreter": _output([python, "--version"]),
        "load before": f"{os.getloadavg()[0]:.2f}",
        "sha256sum": _version(["sha256sum", "--version"]),
        "AIDE": _version(["aide", "--version"]),
        "hashdeep": _version(["hashdeep", "-V"]),
    }
    return {name: value for name, value in rows.items() if value}


def _processor() -> str:
    text = _read("/proc/cpuinfo")
    name = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    flags = re.search(r"^flags\s*:\s*(.+)$", text, re.MULTILINE)
    known = set(flags[1].split()) if flags else set()
    extensions = [label for flag, label in _EXTENSIONS.items() if flag in known]
    return ", ".join(filter(None, [name[1] if name else platform.machine(), *extensions]))


_EXTENSIONS = {"sha_ni": "SHA-NI", "avx2": "AVX2", "avx512f": "AVX-512"}


def _memory() -> str:
    total = re.search(r"^MemTotal:\s*(\d+) kB$", _read("/proc/meminfo"), re.MULTILINE)
    return f"{int(total[1]) / (1 << 20):.0f} GiB" if total else ""


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _output(argv: list[str]) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _version(argv: list[str]) -> str:
    found = re.search(r"\d+\.\d+(\.\d+)?", _output(argv))
    return found[0] if found else ""
