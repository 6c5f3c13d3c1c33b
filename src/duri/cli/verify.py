"""`duri verify`: say whether what is here is what was released."""

import sys
from collections.abc import Mapping, Sequence

from duri.cli import judgement, output, progress
from duri.cli.table import ALGORITHM, MODE, QUIET, VERIFYING, Option
from duri.verdict import Verdict

OPTIONS = (
    *VERIFYING,
    MODE,
    ALGORITHM,
    QUIET,
    Option("as_json", "--json", "The same as --format json."),
    Option("shape", "--format", "How it is written.", choices=("text", "json", "sarif")),
    Option("show_all", "--all", "Every finding, not only the first of each."),
    Option("from_archive", "--from-archive", "Brought back from an archive: archived keys count."),
)

_ADVICE = "\n\nNext\n"
"""Where a report's findings end; no name or value in it holds a line's end."""


def run(values: Mapping[str, object], program: Sequence[str] = ()) -> int:
    """Verify ROOT; the exit code is the status's.

    0 verified, 10 corrupted, 11 tampered, 12 policy changed, 13 unverifiable.
    """
    del program
    from duri.verify import verify

    root, settings = judgement.load(values)
    from_archive = bool(values["from_archive"])
    with progress.shown("verifying", quiet=bool(values["quiet"])) as counters:
        verdict = verify(root, settings=settings, from_archive=from_archive, progress=counters)
    try:
        _write(root, verdict, values)
    except OSError:
        return verdict.exit_code or 1  # the answer stands, though nobody could read it
    return verdict.exit_code


def _write(root: str, verdict: Verdict, values: Mapping[str, object]) -> None:
    if values["as_json"] or values["shape"] == "json":
        from duri.report import document

        output.raw(document.render(verdict))
    elif values["shape"] == "sarif":
        import duri
        from duri.report import sarif

        output.raw(sarif.render(verdict, version=duri.__version__))
    else:
        from duri.report import text
        from duri.settings import inherited_environment

        look = text.look_for(sys.stdout, environ=inherited_environment())
        again = judgement.again(root, values) if verdict.exit_code else None
        shown = text.render(verdict, look=look, show_all=bool(values["show_all"]), again=again)
        if values["quiet"] and _ADVICE in shown:
            shown = shown[: shown.index(_ADVICE)] + "\n"
        output.raw(shown.encode("utf-8", "backslashreplace"))
