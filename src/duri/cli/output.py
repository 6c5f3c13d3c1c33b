"""What commands write: results to standard output, remarks to standard error."""

import sys

from duri.cli.ending import say
from duri.report.escape import printable


def remark(sentences: tuple[str, ...] | list[str], *, log_format: str = "text") -> None:
    """Write one line a sentence to standard error, as `warning: …` or as JSON."""
    for sentence in sentences:
        if log_format == "json":
            import msgspec

            line = msgspec.json.encode({"level": "warning", "event": sentence}).decode()
        else:
            line = f"warning: {printable(sentence)}"
        say(line)


def raw(data: bytes) -> None:
    """Write bytes to standard output as they are, whatever has been written before."""
    if sys.stdout is None:
        return  # closed by whoever started this process; the exit code is the answer
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
