"""`duri export`: write a release's checksums for other tools."""

import os

import click

from duri.cli import judgement, options, output
from duri.errors import UnverifiableError, UsageError


@click.command("export", short_help="Write a release's checksums for other tools.")
@options.root_argument
@options.artifacts
@click.option("--sha256sum", "shape", flag_value="sha256", help="As sha256sum -c reads them.")
@click.option("--sha512sum", "shape", flag_value="sha512", help="As sha512sum -c reads them.")
@click.option("--b3sum", "shape", flag_value="blake3", help="As b3sum --check reads them.")
def command(*, shape: str | None, **flags: object) -> int:
    """Write the sealed digests of ROOT, to be checked from within it: cd ROOT; sha256sum -c FILE.

    The list says what was sealed, and proves nothing by itself: run `duri verify` for that.
    """
    from duri.evidence import folder, release
    from duri.tree import scan
    from duri.verdict import Kind

    if shape is None:
        raise UsageError("no format was named", expected="--sha256sum, --sha512sum or --b3sum")
    root, settings = judgement.load_believing(flags)
    root_fd = scan.open_root(root)
    try:
        found = folder.read(folder.locate(root, settings.artifacts), root_fd=root_fd)
    finally:
        os.close(root_fd)
    if release.CHECKSUMS not in found.files or release.METADATA not in found.files:
        # What is missing or unreadable, not what lies about besides.
        problem = min(found.problems, key=lambda one: one.kind is Kind.ARTIFACT_UNEXPECTED)
        raise UnverifiableError(
            problem.detail, where=(problem.path or b"").decode("utf-8", "replace")
        )
    algorithm = release.parse_metadata(found.files[release.METADATA]).hash_algorithm
    if algorithm != shape:
        raise UsageError(
            "the release was sealed with another hash", expected=f"--{algorithm}sum", got=shape
        )
    output.raw(scan.sum_lines(found.files[release.CHECKSUMS], algorithm))
    return 0
