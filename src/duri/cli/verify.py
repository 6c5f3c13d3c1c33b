"""`duri verify`: say whether what is here is what was released."""

import sys

import click

from duri.cli import options, output, progress


@click.command("verify", short_help="Say whether what is here is what was released.")
@options.judging
@options.mode
@options.algorithm
@options.quiet
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--format", "shape", type=click.Choice(["text", "json", "sarif"]), default="text")
@click.option("--all", "show_all", is_flag=True, help="Every finding, not only the first of each.")
@click.option(
    "--from-archive", is_flag=True, help="Brought back from an archive: archived keys count."
)
def command(
    *,
    config: str | None,
    quiet: bool,
    as_json: bool,
    shape: str,
    show_all: bool,
    from_archive: bool,
    **flags: object,
) -> int:
    """Verify ROOT; the exit code is the status's.

    0 verified, 10 corrupted, 11 tampered, 12 policy changed, 13 unverifiable.
    """
    from duri.verify import verify

    root, settings = options.load(flags, config=config, verifying=True)
    with progress.shown("verifying", quiet=quiet) as counters:
        verdict = verify(root, settings=settings, from_archive=from_archive, progress=counters)
    if as_json or shape == "json":
        from duri.report import document

        output.raw(document.render(verdict))
    elif shape == "sarif":
        import duri
        from duri.report import sarif

        output.raw(sarif.render(verdict, version=duri.__version__))
    else:
        from duri.report import text
        from duri.settings import inherited_environment

        again = options.again(root, flags, config=config) + from_archive * " --from-archive"
        look = text.look_for(sys.stdout, environ=inherited_environment())
        click.echo(text.render(verdict, look=look, show_all=show_all, again=again), nl=False)
    return verdict.exit_code
