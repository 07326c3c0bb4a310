"""`python -m pipelines`: compile, run, schedule and watch the pipelines; build their image."""

import contextlib
import functools
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import yaml
from rich.console import Console
from rich.markup import escape

from ops.project import local_dir
from ordering.errors import UserError
from pipelines import catalog, cron, image, inputs, local, parameters, show, stack
from pipelines.catalog import Definition
from pipelines.endpoint.api import Run, watch
from pipelines.sdk import Execution
from pipelines.spec import Spec, steps
from pipelines.target import Target, open_api
from tools import entry

stack_option = click.option("--stack", "stack_name", help="The stack whose bucket, image and dashboard to use.")
param_option = click.option("--param", "params", multiple=True, metavar="K=V", help="A parameter; may be repeated.")
image_option = click.option("--image", "image_name", help="Image of the steps; the stack's when left out.")
gpus_option = click.option("--gpus", type=click.IntRange(min=0), default=0, help="GPUs for the step that trains.")


def target_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say which Kubeflow, and as whom; the command gets them as one `target`."""

    @click.option("--endpoint", help="Address of a Kubeflow dashboard; the stack's own when left out.")
    @click.option(
        "--user", envvar="KUBEFLOW_USER", help="Who signs in, with KUBEFLOW_PASSWORD; the stack's user when left out."
    )
    @click.option("--namespace", help="Profile to run in; the user's own when left out.")
    @functools.wraps(command)
    def with_target(*args: Any, endpoint: str | None, user: str | None, namespace: str | None, **options: Any) -> None:
        command(*args, target=Target(url=endpoint, user=user, namespace=namespace), **options)

    return with_target


@click.group()
def cli() -> None:
    """Kubeflow Pipelines to start from."""


@cli.command("list")
def list_pipelines() -> None:
    """The pipelines, their steps and their parameters."""
    console = Console()
    for name, definition in catalog.PIPELINES.items():
        spec = catalog.compile_spec(definition, Execution(image=image.reference(None)))
        console.print(f"[bold]{name}[/]  {escape(definition.summary)}", soft_wrap=True, highlight=False)
        console.print(f"    steps       {' > '.join(steps(spec))}", soft_wrap=True, highlight=False)
        console.print(
            f"    parameters  {', '.join(parameters.describe(spec))}", soft_wrap=True, markup=False, highlight=False
        )


@cli.command("compile")
@click.argument("name")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write; NAME.yaml if left out."
)
@stack_option
@image_option
@gpus_option
@click.pass_obj
def compile_pipeline(
    context: stack.Context, name: str, output: Path | None, stack_name: str | None, image_name: str | None, gpus: int
) -> None:
    """Write a pipeline as the YAML that Kubeflow's dashboard takes."""
    definition = catalog.find(name)
    chosen = _read(stack_name, context)
    file = output or Path(f"{definition.name}.yaml")
    spec = catalog.compile_spec(definition, Execution(image=_image(image_name, chosen), gpus=gpus))
    try:
        file.write_text(yaml.safe_dump(spec, sort_keys=True))
    except OSError as error:
        raise UserError(f"{str(file)!r} cannot be written: {error.strerror}.") from None
    Console().print(f"{file}: {len(steps(spec))} steps", soft_wrap=True, markup=False, highlight=False)


@cli.command()
@click.argument("name")
@click.option("--local", "here", is_flag=True, help="Run the steps on this machine, without a cluster.")
@stack_option
@target_options
@param_option
@image_option
@gpus_option
@click.pass_obj
def run(
    context: stack.Context,
    name: str,
    here: bool,
    stack_name: str | None,
    target: Target,
    params: Iterable[str],
    image_name: str | None,
    gpus: int,
) -> None:
    """Run a pipeline, here or on a Kubeflow, and follow it to its end."""
    definition = catalog.find(name)
    if not (here or stack_name or target.url):
        raise UserError("Nothing says where to run; add --local, --stack NAME or --endpoint URL.")
    if here and target.url:
        raise UserError(
            "--local and --endpoint exclude each other; --local with --stack runs here on the stack's bucket."
        )
    console = Console(file=sys.stdout)
    given = _given(definition, params)
    chosen = _read(stack_name, context)
    if here:
        _run_here(console, definition, given, chosen)
        return
    with open_api(target, chosen, context.retry) as api:
        spec, arguments = _prepare(definition, given, chosen, api.namespace, image_name, gpus)
        started = api.submit(spec, arguments)
        console.print(
            f"[bold]{escape(started.name)}[/] in {api.namespace or 'the one namespace'}, run {started.id}",
            soft_wrap=True,
        )
        ended = watch(api, started, lambda step: show.step(console, step), lambda: time.sleep(context.poll_seconds))
        _end(console, ended)


@cli.command()
@click.argument("name")
@click.option("--cron", "expression", required=True, help="When, in UTC: minute, hour, day, month and weekday.")
@stack_option
@target_options
@param_option
@image_option
@gpus_option
@click.pass_obj
def schedule(
    context: stack.Context,
    name: str,
    expression: str,
    stack_name: str | None,
    target: Target,
    params: Iterable[str],
    image_name: str | None,
    gpus: int,
) -> None:
    """Run a pipeline again and again, when the cron expression says so."""
    definition = catalog.find(name)
    fields = cron.normalise(expression)
    given = _given(definition, params)
    chosen = _read(stack_name, context)
    with open_api(target, chosen, context.retry) as api:
        spec, arguments = _prepare(definition, given, chosen, api.namespace, image_name, gpus)
        identifier = api.schedule(spec, arguments, fields)
        console = Console()
        console.print(
            f"{definition.name} runs at [bold]{fields}[/], schedule {identifier}", soft_wrap=True, highlight=False
        )
        console.print(api.link("recurringrun", identifier), soft_wrap=True, markup=False, highlight=False)


@cli.command()
@click.argument("run_id", metavar="RUN")
@stack_option
@target_options
@click.pass_obj
def status(
    context: stack.Context,
    run_id: str,
    stack_name: str | None,
    target: Target,
) -> None:
    """How far a run is."""
    console = Console()
    with open_api(target, _read(stack_name, context), context.retry) as api:
        found = api.run(run_id)
        for step in found.steps:
            show.step(console, step)
        _end(console, found)


@cli.command("image")
@click.option("--stack", "stack_name", required=True, help="The stack whose repository to push the image to.")
@click.pass_obj
def build_image(context: stack.Context, stack_name: str) -> None:
    """Build the steps' image and push it to the stack's repository."""
    chosen = stack.read(stack_name, context)
    if not chosen.repository:
        raise UserError(
            f"Stack {stack_name!r} has no output `repository_url`; bring it up with `make up STACK={stack_name}`."
        )
    console = Console()
    with stack.environment(chosen):
        pushed = image.build_and_push(
            chosen.repository, lambda text: console.print(text, soft_wrap=True, markup=False, highlight=False)
        )
    console.print(pushed, soft_wrap=True, markup=False, highlight=False)


@cli.command()
@click.option("--stack", "stack_name", required=True, help="The stack whose bucket holds dataset and model.")
@click.pass_obj
def demo(context: stack.Context, stack_name: str) -> None:
    """Run `salary` on this machine on the stack's bucket, and draw what it learned."""
    from pipelines import plot  # matplotlib is slow to import, and only this command draws

    console = Console(file=sys.stdout)
    definition = catalog.find("salary")
    months = 42.0
    result = _run_here(console, definition, {"months": months}, stack.read(stack_name, context))
    model = result.artifacts["model"].metadata
    picture = result.folder / "salary.png"
    plot.draw(
        result.artifacts["dataset"].path,
        slope=model["slope"],
        intercept=model["intercept"],
        at=months,
        prediction=result.values["prediction"],
        to=picture,
    )
    console.print(f"  plot        {picture}", soft_wrap=True, markup=False, highlight=False)


def _read(name: str | None, context: stack.Context) -> stack.Stack | None:
    return stack.read(name, context) if name else None


def _given(definition: Definition, params: Iterable[str]) -> parameters.Arguments:
    spec = catalog.compile_spec(definition, Execution(image=image.reference(None)))
    return parameters.parse(params, spec, definition.name)


def _image(name: str | None, chosen: stack.Stack | None) -> str:
    return name or image.reference(chosen.repository if chosen else None)


def _prepare(
    definition: Definition,
    given: parameters.Arguments,
    chosen: stack.Stack | None,
    namespace: str,
    image_name: str | None,
    gpus: int,
) -> tuple[Spec, dict[str, Any]]:
    """What a Kubeflow is sent: the compiled pipeline, and its arguments with what the stack's bucket fills in."""
    if chosen is None and image_name is None:
        raise UserError(
            "Nothing says which image the steps run in; add --image NAME, or --stack NAME whose image it is."
        )
    spec = catalog.compile_spec(definition, Execution(image=_image(image_name, chosen), gpus=gpus))
    arguments = dict(given)
    if chosen is not None and chosen.bucket:
        with stack.environment(chosen):
            arguments = inputs.in_bucket(definition, given, chosen.bucket, namespace)
    parameters.require(arguments, spec, definition.name)
    return spec, arguments


def _run_here(
    console: Console, definition: Definition, given: parameters.Arguments, chosen: stack.Stack | None
) -> local.Outcome:
    folder = local_dir() / "pipelines" / f"{definition.name}-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"
    with stack.environment_of_steps(chosen) if chosen else contextlib.nullcontext():
        if chosen:
            arguments = inputs.in_bucket(definition, given, stack.require_bucket(chosen))
        else:
            arguments = inputs.on_this_machine(definition, given, folder)
        result = local.run(definition, arguments, folder, lambda event: show.step_event(console, event))
    show.outcome(console, result, arguments, definition.results)
    return result


def _end(console: Console, found: Run) -> None:
    show.link(console, found)
    if found.state in ("FAILED", "CANCELED", "SKIPPED"):
        raise UserError(f"Run {found.id} {found.state.lower()}: {found.error or 'somebody stopped it.'}")
    console.print(f"[bold]{found.state.lower()}[/]")


def main(arguments: list[str] | None = None, context: stack.Context | None = None) -> int:
    """Run the command and give its exit code; what a person can fix is one line that starts with `error:`."""
    return entry.run(
        cli,
        name="python -m pipelines",
        interrupted="Interrupted. A run that was submitted goes on.",
        arguments=arguments,
        obj=context or stack.Context(),
    )


if __name__ == "__main__":
    sys.exit(main())
