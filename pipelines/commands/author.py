"""Pipelines before they run, and running them: list, compile, upload, run, schedule."""

import contextlib
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from ordering.errors import UserError
from pipelines import catalog, cron, inputs, local, needs, parameters, show, source, stack
from pipelines.commands.options import (
    arguments_of,
    compiled,
    image_option,
    needs_options,
    param_option,
    pipeline_argument,
    prepare,
    read_stack,
    require_image,
    runs_folder,
    stack_option,
    target_options,
)
from pipelines.endpoint.runs import Runs, watch
from pipelines.endpoint.schedules import Schedules, Trigger
from pipelines.endpoint.uploads import upload
from pipelines.package import Package, steps
from pipelines.target import Target, open_api


@click.command("list")
def list_pipelines() -> None:
    """The pipelines, their steps and their parameters."""
    console = Console()
    for name, definition in catalog.PIPELINES.items():
        spec = compiled(source.find(name), {}, None).pipeline
        console.print(f"[bold]{name}[/]  {escape(definition.summary)}", soft_wrap=True, highlight=False)
        console.print(f"    steps       {' > '.join(steps(spec))}", soft_wrap=True, highlight=False)
        console.print(
            f"    parameters  {', '.join(parameters.describe(spec))}", soft_wrap=True, markup=False, highlight=False
        )


@click.command("compile")
@pipeline_argument
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write; NAME.yaml if left out."
)
@stack_option
@image_option
@needs_options
@click.pass_obj
def compile_pipeline(
    context: stack.Context,
    name: str,
    output: Path | None,
    stack_name: str | None,
    image_name: str | None,
    given: needs.Given,
) -> None:
    """Write a pipeline as the YAML that Kubeflow's dashboard takes.

    PIPELINE is one of `list`, a compiled file, or MODULE:FUNCTION.
    """
    package = compiled(source.find(name), given, image_name, read_stack(stack_name, context))
    file = output or Path(f"{package.name}.yaml")
    try:
        file.write_text(package.yaml())
    except OSError as error:
        raise UserError(f"{str(file)!r} cannot be written: {error.strerror}.") from None
    show.plain(Console(), f"{file}: {len(steps(package.pipeline))} steps")


@click.command("upload")
@pipeline_argument
@click.option("--version", help="Name of the version; the time when left out.")
@image_option
@needs_options
@target_options
@click.pass_obj
def upload_pipeline(
    context: stack.Context,
    name: str,
    version: str | None,
    stack_name: str | None,
    target: Target,
    image_name: str | None,
    given: needs.Given,
) -> None:
    """Keep a pipeline at a Kubeflow, as a version of the pipeline of its name.

    PIPELINE is one of `list`, a compiled file, or MODULE:FUNCTION.
    """
    found = source.find(name)
    chosen = read_stack(stack_name, context)
    require_image(found, chosen, image_name)
    package = compiled(found, given, image_name, chosen)
    with open_api(target, chosen, context.retry) as connection:
        made = upload(connection, package, version or f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}")
    console = Console()
    show.plain(console, f"{package.name}, version {made.version}")
    show.link(console, made.link)


@click.command()
@pipeline_argument
@click.option("--local", "here", is_flag=True, help="Run the steps on this machine, without a cluster.")
@param_option
@image_option
@needs_options
@target_options
@click.pass_obj
def run(
    context: stack.Context,
    name: str,
    here: bool,
    stack_name: str | None,
    target: Target,
    params: Iterable[str],
    image_name: str | None,
    given: needs.Given,
) -> None:
    """Run a pipeline, here or on a Kubeflow, and follow it to its end.

    PIPELINE is one of `list`, a compiled file, or MODULE:FUNCTION.
    """
    found = source.find(name)
    if not (here or stack_name or target.url):
        raise UserError("Nothing says where to run; add --local, --stack NAME or --endpoint URL.")
    if here and target.url:
        raise UserError(
            "--local and --endpoint exclude each other; --local with --stack runs here on the stack's bucket."
        )
    console = Console(file=sys.stdout)
    package = compiled(found, given, image_name)
    arguments = arguments_of(params, package)
    chosen = read_stack(stack_name, context)
    if here:
        run_here(console, found, package, arguments, chosen)
        return
    with open_api(target, chosen, context.retry) as connection:
        package = compiled(found, given, image_name, chosen)
        complete = prepare(found, package, arguments, chosen, connection, image_name)
        runs = Runs(connection)
        started = runs.submit(package, complete)
        console.print(
            f"[bold]{escape(started.name)}[/] in {connection.namespace or 'the one namespace'}, run {started.id}",
            soft_wrap=True,
        )
        ended = watch(runs, started, lambda step: show.step(console, step), lambda: time.sleep(context.poll_seconds))
        show.end(console, ended)


@click.command()
@pipeline_argument
@click.option("--cron", "expression", help="When: minute, hour, day, month and weekday.")
@click.option("--every", metavar="N[m|h|d]", help="Or the time between two runs, such as 30m.")
@click.option("--timezone", default="UTC", show_default=True, help="The zone that the cron expression is meant in.")
@click.option("--concurrency", type=click.IntRange(1, 10), default=1, show_default=True, help="Runs at the same time.")
@click.option("--catch-up", is_flag=True, help="Start what was missed while the schedule was paused, too.")
@param_option
@image_option
@needs_options
@target_options
@click.pass_obj
def schedule(
    context: stack.Context,
    name: str,
    expression: str | None,
    every: str | None,
    timezone: str,
    concurrency: int,
    catch_up: bool,
    stack_name: str | None,
    target: Target,
    params: Iterable[str],
    image_name: str | None,
    given: needs.Given,
) -> None:
    """Run a pipeline again and again, at the times of a cron expression or at an interval.

    PIPELINE is one of `list`, a compiled file, or MODULE:FUNCTION.
    """
    found = source.find(name)
    trigger, note = _trigger(expression, every, timezone)
    package = compiled(found, given, image_name)
    arguments = arguments_of(params, package)
    chosen = read_stack(stack_name, context)
    console = Console()
    with open_api(target, chosen, context.retry) as connection:
        package = compiled(found, given, image_name, chosen)
        complete = prepare(found, package, arguments, chosen, connection, image_name)
        made = Schedules(connection).create(package, complete, trigger, max_concurrency=concurrency, catch_up=catch_up)
        console.print(
            f"{package.name} runs [bold]{show.when(made.trigger)}[/], schedule {made.id}",
            soft_wrap=True,
            highlight=False,
        )
        if note:
            show.plain(console, note)
        show.link(console, connection.link(f"recurringrun/details/{made.id}"))


def _trigger(expression: str | None, every: str | None, timezone: str) -> tuple[Trigger, str | None]:
    """When a schedule starts runs, and what a person must know about it."""
    if (expression is None) == (every is None):
        raise UserError("Say when with either --cron or --every.")
    if every is not None:
        return Trigger(every_seconds=cron.interval(every)), None
    fields, note = cron.in_utc(cron.normalise(expression or ""), timezone, datetime.now(UTC))
    return Trigger(cron=fields), note


def run_here(
    console: Console,
    found: source.Source,
    package: Package,
    arguments: parameters.Arguments,
    chosen: stack.Stack | None,
) -> local.Outcome:
    """Run on this machine, on the stack's bucket where there is one, and print what came of it."""
    folder = runs_folder() / f"{package.name}-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"
    results: dict[str, str] = {}
    complete = dict(arguments)
    with stack.environment_of_steps(chosen) if chosen else contextlib.nullcontext():
        if found.definition is not None:
            results = dict(found.definition.results)
            if chosen:
                complete = inputs.in_bucket(found.definition, arguments, stack.require_bucket(chosen))
            else:
                complete = inputs.on_this_machine(found.definition, arguments, folder)
        parameters.require(complete, package.pipeline, package.name, ours=found.definition is not None)
        result = local.run(package, complete, folder, lambda event: show.step_event(console, event))
    show.outcome(console, result, complete, results)
    return result
