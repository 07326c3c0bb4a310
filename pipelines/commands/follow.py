"""Runs that were started: runs, status, logs, retry, stop, archive; and schedules."""

import sys
import time

import click
from rich.console import Console

from ordering.errors import UserError
from pipelines import history, show, stack
from pipelines.commands.options import here_option, read_stack, runs_folder, target_options
from pipelines.endpoint.runs import FINAL_STATES, Runs, watch
from pipelines.endpoint.schedules import Schedules
from pipelines.target import Target, open_api

STATES = sorted({state.lower() for state in FINAL_STATES} | {"pending", "running", "canceling", "paused"})
run_argument = click.argument("run_id", metavar="RUN")
schedule_argument = click.argument("schedule_id", metavar="SCHEDULE")


@click.command()
@click.option("--state", type=click.Choice(STATES), help="Only those in this state.")
@click.option("--name", help="Only those with this text in their name.")
@click.option("--archived", is_flag=True, help="Those that were archived.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many.")
@here_option
@target_options
@click.pass_obj
def runs(
    context: stack.Context,
    state: str | None,
    name: str | None,
    archived: bool,
    limit: int,
    here: bool,
    stack_name: str | None,
    target: Target,
) -> None:
    """List runs, the newest first."""
    console = Console()
    if here:
        found = [
            one
            for one in history.runs(runs_folder())
            if (state is None or one.state == state) and (name is None or name in one.name) and not archived
        ]
        show.table(console, [(one.id, one.state, one.started, one.seconds, one.name) for one in found[:limit]])
        return
    with open_api(target, read_stack(stack_name, context), context.retry) as connection:
        listed = Runs(connection).list(state=state, name=name, archived=archived, limit=limit)
    show.table(
        console,
        [
            (
                one.id,
                one.state.lower(),
                one.created,
                (one.finished - one.created).total_seconds() if one.finished and one.created else None,
                one.name,
            )
            for one in listed
        ],
    )


@click.command()
@run_argument
@target_options
@click.pass_obj
def status(context: stack.Context, run_id: str, stack_name: str | None, target: Target) -> None:
    """How far a run is."""
    console = Console()
    with open_api(target, read_stack(stack_name, context), context.retry) as connection:
        found = Runs(connection).get(run_id)
        for step in found.steps:
            show.step(console, step)
        show.end(console, found)


@click.command()
@run_argument
@click.argument("step")
@here_option
@target_options
@click.pass_obj
def logs(context: stack.Context, run_id: str, step: str, here: bool, stack_name: str | None, target: Target) -> None:
    """What a step of a run printed."""
    if here:
        record = history.run(runs_folder(), run_id)
        names = [one.step for one in record.executions]
        if step not in names:
            raise UserError(f"Run {run_id} has no step {step!r}; it has {', '.join(names)}.")
        sys.stdout.write(show.part_of_log((runs_folder() / run_id / "run.log").read_text(), step))
        return
    with open_api(target, read_stack(stack_name, context), context.retry) as connection:
        text = Runs(connection).log(run_id, step)
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


@click.command()
@run_argument
@target_options
@click.pass_obj
def retry(context: stack.Context, run_id: str, stack_name: str | None, target: Target) -> None:
    """Start a failed run again from the step that failed, and follow it; finished steps are kept."""
    console = Console(file=sys.stdout)
    with open_api(target, read_stack(stack_name, context), context.retry) as connection:
        found = Runs(connection)
        again = found.retry(run_id)
        ended = watch(found, again, lambda step: show.step(console, step), lambda: time.sleep(context.poll_seconds))
        show.end(console, ended)


@click.command()
@run_argument
@target_options
@click.pass_obj
def stop(context: stack.Context, run_id: str, stack_name: str | None, target: Target) -> None:
    """End a run's steps."""
    with open_api(target, read_stack(stack_name, context), context.retry) as connection:
        Runs(connection).stop(run_id)
    show.plain(Console(), f"Run {run_id} is being stopped.")


@click.command()
@run_argument
@target_options
@click.pass_obj
def archive(context: stack.Context, run_id: str, stack_name: str | None, target: Target) -> None:
    """Take a run out of the list; `runs --archived` has it."""
    with open_api(target, read_stack(stack_name, context), context.retry) as connection:
        Runs(connection).archive(run_id)
    show.plain(Console(), f"Run {run_id} is archived.")


@click.group()
def schedules() -> None:
    """What runs again and again: list, pause, resume, delete."""


@schedules.command("list")
@target_options
@click.pass_obj
def list_schedules(context: stack.Context, stack_name: str | None, target: Target) -> None:
    """The schedules, the newest first."""
    with open_api(target, read_stack(stack_name, context), context.retry) as connection:
        found = Schedules(connection).list()
    show.schedules(Console(), found)


@schedules.command()
@schedule_argument
@target_options
@click.pass_obj
def pause(context: stack.Context, schedule_id: str, stack_name: str | None, target: Target) -> None:
    """Start no runs until it is resumed."""
    with open_api(target, read_stack(stack_name, context), context.retry) as connection:
        Schedules(connection).pause(schedule_id)
    show.plain(Console(), f"Schedule {schedule_id} is paused.")


@schedules.command()
@schedule_argument
@target_options
@click.pass_obj
def resume(context: stack.Context, schedule_id: str, stack_name: str | None, target: Target) -> None:
    """Start runs again."""
    with open_api(target, read_stack(stack_name, context), context.retry) as connection:
        Schedules(connection).resume(schedule_id)
    show.plain(Console(), f"Schedule {schedule_id} starts runs again.")


@schedules.command()
@schedule_argument
@target_options
@click.pass_obj
def delete(context: stack.Context, schedule_id: str, stack_name: str | None, target: Target) -> None:
    """Forget a schedule; runs that it started stay."""
    with open_api(target, read_stack(stack_name, context), context.retry) as connection:
        Schedules(connection).delete(schedule_id)
    show.plain(Console(), f"Schedule {schedule_id} is deleted.")
