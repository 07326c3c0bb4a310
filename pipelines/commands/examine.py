"""Runs that have ended, looked at: compare, lineage."""

from pathlib import Path

import click
from rich.console import Console

from ordering.errors import UserError
from pipelines import comparison, history, lineage, show, stack
from pipelines.commands.options import here_option, read_stack, runs_folder, target_options
from pipelines.endpoint.metadata import Metadata
from pipelines.endpoint.runs import Runs
from pipelines.record import Record
from pipelines.target import Target, open_api

MOST = 10
"""Runs that a table and a picture still show."""


@click.command()
@click.argument("run_ids", metavar="RUN RUN…", nargs=-1, required=True)
@click.option("--format", "kind", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option(
    "--picture", type=click.Path(dir_okay=False, path_type=Path), help="PNG with curves and confusion matrices."
)
@here_option
@target_options
@click.pass_obj
def compare(
    context: stack.Context,
    run_ids: tuple[str, ...],
    kind: str,
    picture: Path | None,
    here: bool,
    stack_name: str | None,
    target: Target,
) -> None:
    """Parameters, metrics and durations of runs side by side."""
    if not 2 <= len(run_ids) <= MOST or len(set(run_ids)) < len(run_ids):
        raise UserError(f"Name two to {MOST} runs to compare, each once.")
    records: list[Record]
    if here:
        records = [history.run(runs_folder(), run_id) for run_id in run_ids]
    else:
        with open_api(target, read_stack(stack_name, context), context.retry) as connection:
            found = Runs(connection)
            records = [found.record(run_id) for run_id in run_ids]
    compared = comparison.compare(records)
    if kind == "json":
        click.echo(comparison.as_json(compared))
    else:
        show.comparison(Console(), compared)
    if picture is not None:
        from pipelines import plot  # matplotlib is slow to import

        show.written(picture, lambda: plot.compare(records, picture))
        show.plain(Console(stderr=kind == "json"), f"picture  {picture}")


@click.command("lineage")
@click.argument("of", metavar="RUN|ARTIFACT")
@click.option("--format", "kind", type=click.Choice(["text", "json", "html"]), default="text", show_default=True)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write it to.")
@here_option
@target_options
@click.pass_obj
def lineage_command(
    context: stack.Context,
    of: str,
    kind: str,
    output: Path | None,
    here: bool,
    stack_name: str | None,
    target: Target,
) -> None:
    """Every artifact, execution and parameter that led to a run's results, or to one artifact."""
    if here:
        found = _here(of)
    else:
        with open_api(target, read_stack(stack_name, context), context.retry) as connection:
            if of.isdecimal():
                executions, artifacts = Metadata(connection.session).upstream(of)
                found = lineage.Lineage(title=f"artifact {of}", executions=executions, artifacts=artifacts)
            else:
                found = lineage.of_run(Runs(connection).record(of))
    text = lineage.FORMATS[kind](found)
    if output is None:
        click.echo(text, nl=False)
        return
    show.written(output, lambda: output.write_text(text))
    show.plain(Console(), f"lineage  {output}")


def _here(of: str) -> lineage.Lineage:
    root = runs_folder()
    if (root / of / history.FILE).exists():
        return lineage.of_run(history.run(root, of))
    record = history.having(root, of)
    return lineage.of_artifact(record, of)
