"""`duri seal`: seal a folder as a signed release."""

import click

from duri.cli import judgement, options, output, progress


@click.command("seal", short_help="Seal a folder as a signed release.")
@options.root_argument
@click.option("--version", required=True, metavar="V", help="The release's version, such as 1.4.2.")
@options.product
@options.environment
@click.option("--sequence", type=click.IntRange(0), metavar="N", help="Grows with each release.")
@options.keyring
@options.artifacts
@options.algorithm
@options.mode
@click.option("--ignore", multiple=True, metavar="PATTERN", help="Not looked at.")
@click.option("--mutable", multiple=True, metavar="PATTERN", help="Free content, never executable.")
@click.option("--append-only", multiple=True, metavar="PATTERN", help="May grow, as logs do.")
@click.option(
    "--allow-link",
    "external_links",
    multiple=True,
    metavar="PATTERN",
    help="Links that may leave the root, as a virtual environment's bin/python* do.",
)
@click.option(
    "--allow-case-twins",
    "case_twins",
    is_flag=True,
    default=None,
    help="Names that differ only by case.",
)
@click.option("--owners", is_flag=True, default=None, help="Seal owner and group too.")
@click.option(
    "--spike-threshold", metavar="SHARE", help="Such as 0.3 [DURI_INTEGRITY_SPIKE_THRESHOLD]."
)
@click.option(
    "--entry-point", metavar="FILE", help="List what this program loads from outside ROOT."
)
@options.threads
@options.config
@options.quiet
@options.log_format
def command(
    *,
    version: str,
    sequence: int | None,
    entry_point: str | None,
    config: str | None,
    quiet: bool,
    **flags: object,
) -> int:
    """Seal ROOT as a release: digests of every file, policy, provenance, signed."""
    from duri.report import sealed
    from duri.seal import seal

    root, settings = judgement.load_believing({**flags, "config": config})
    with progress.shown("sealing", quiet=quiet) as counters:
        done = seal(
            root,
            version=version,
            sequence=sequence,
            entry_point=entry_point,
            settings=settings,
            progress=counters,
        )
    output.remark(done.warnings, log_format=settings.log_format)
    if not quiet:
        judging = {name: flags[name] for name in ("keyring", "artifacts")}
        click.echo(sealed.render(done, check=judgement.again(root, {**judging, "config": config})))
    return 0
