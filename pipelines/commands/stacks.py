"""What a stack is given: the steps' image, and a demonstration."""

import sys

import click
from rich.console import Console

from ordering.errors import UserError
from pipelines import comparison, image, lineage, show, source, stack
from pipelines.commands.author import run_here
from pipelines.commands.options import compiled, image_of


@click.command("image")
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
        pushed = image.build_and_push(chosen.repository, lambda text: show.plain(console, text))
    show.plain(console, pushed)


@click.command()
@click.option("--stack", "stack_name", required=True, help="The stack whose bucket holds dataset and model.")
@click.pass_obj
def demo(context: stack.Context, stack_name: str) -> None:
    """Run `salary` twice on this machine on the stack's bucket, compare the two, and draw what was learned."""
    from pipelines import plot  # matplotlib is slow to import, and few commands draw

    console = Console(file=sys.stdout)
    found = source.find("salary")
    package = compiled(found, {}, image_of(None, None))
    chosen = stack.read(stack_name, context)
    months = 42.0
    first = run_here(console, found, package, {"months": months, "test_share": 0.5}, chosen)
    result = run_here(console, found, package, {"months": months}, chosen)
    compared = comparison.compare([first.record, result.record])
    console.print()
    show.comparison(console, compared)
    model = result.artifacts["model"].metadata
    plot.draw(
        result.artifacts["dataset"].uri,
        slope=model["slope"],
        intercept=model["intercept"],
        at=months,
        prediction=result.values["prediction"],
        to=(picture := result.folder / "salary.png"),
    )
    plot.compare([first.record, result.record], sides := result.folder / "compare.png")
    page = result.folder / "lineage.html"
    page.write_text(lineage.FORMATS["html"](lineage.of_run(result.record)))
    for name, file in {"comparison": sides, "lineage": page, "plot": picture}.items():
        show.plain(console, f"  {name:<11} {file}")
