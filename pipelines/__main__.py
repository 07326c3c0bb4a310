"""`python -m pipelines`: compile, run, schedule, watch, compare and trace pipelines; build their image."""

import sys

import click

from pipelines import stack
from pipelines.commands import author, examine, follow, stacks
from tools import entry


@click.group()
def cli() -> None:
    """Kubeflow Pipelines to start from, and any other."""


for command in (
    author.list_pipelines,
    author.compile_pipeline,
    author.upload_pipeline,
    author.run,
    author.schedule,
    follow.runs,
    follow.status,
    follow.logs,
    follow.retry,
    follow.stop,
    follow.archive,
    follow.schedules,
    examine.compare,
    examine.lineage_command,
    stacks.build_image,
    stacks.demo,
):
    cli.add_command(command)


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
