"""Options that several commands share, and what they stand for."""

import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from ops.project import local_dir
from ordering.errors import UserError
from pipelines import image, inputs, needs, parameters, source, stack
from pipelines.endpoint.claims import require_claims
from pipelines.endpoint.connection import Connection
from pipelines.package import Package
from pipelines.sdk import Execution
from pipelines.target import Target

stack_option = click.option("--stack", "stack_name", help="The stack whose bucket, image and dashboard to use.")
param_option = click.option("--param", "params", multiple=True, metavar="K=V", help="A parameter; may be repeated.")
image_option = click.option("--image", "image_name", help="Image of the steps; the stack's when left out.")
here_option = click.option("--local", "here", is_flag=True, help="The runs on this machine.")
pipeline_argument = click.argument("name", metavar="PIPELINE")

_NEEDS = {
    "cpu": ("[STEP=]CPUS", "CPUs of a step, asked for and at most."),
    "memory": ("[STEP=]AMOUNT", "Memory of a step, such as 4Gi."),
    "gpus": ("[STEP=]N", "GPUs of a step; of those that can use them when no step is named."),
    "node-pool": ("[STEP=]POOL", "The pool of the stack, the EKS node group, or LABEL:VALUE of the nodes, to run on."),
    "volume": ("[STEP=]CLAIM:PATH", "A claim to mount at a path."),
    "secret": ("[STEP=]NAME[:KEY]", "A secret: files under /secrets/NAME, or one key as an environment variable."),
    "cache": ("[STEP=]on|off", "Whether a result of before may be taken."),
    "retries": ("[STEP=]N", "How often a step that failed is tried again."),
}


def target_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say which Kubeflow, and as whom; the command gets them as one `target`."""

    @stack_option
    @click.option("--endpoint", help="Address of a Kubeflow dashboard; the stack's own when left out.")
    @click.option(
        "--user", envvar="KUBEFLOW_USER", help="Who signs in, with KUBEFLOW_PASSWORD; the stack's user when left out."
    )
    @click.option(
        "--token",
        envvar="KUBEFLOW_TOKEN",
        help="A service account's token to sign in with, for programs (loginTokens).",
    )
    @click.option("--namespace", help="Profile to run in; the user's own when left out.")
    @functools.wraps(command)
    def with_target(
        *args: Any, endpoint: str | None, user: str | None, token: str | None, namespace: str | None, **options: Any
    ) -> None:
        command(*args, target=Target(url=endpoint, user=user, namespace=namespace, token=token), **options)

    return with_target


def needs_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say what steps get; the command gets them as one `given`."""

    @functools.wraps(command)
    def with_needs(*args: Any, spot: str | None, **options: Any) -> None:
        given = {name: options.pop(name.replace("-", "_")) for name in _NEEDS}
        given["spot"] = [f"{step}=on" if step else "on" for step in (spot or "").split(",")] if spot is not None else []
        command(*args, given=given, **options)

    wrapped = click.option(
        "--spot", is_flag=False, flag_value="", metavar="[STEP,STEP]", help="Run steps on spot nodes; all, or these."
    )(with_needs)
    for name, (metavar, words) in reversed(_NEEDS.items()):
        wrapped = click.option(f"--{name}", multiple=True, metavar=metavar, help=words)(wrapped)
    return wrapped


def read_stack(name: str | None, context: stack.Context) -> stack.Stack | None:
    """The stack of a name, or None where none is named."""
    return stack.read(name, context) if name else None


def image_of(name: str | None, chosen: stack.Stack | None) -> str:
    """The image that is named, else the stack's, else a local name."""
    return name or image.reference(chosen.repository if chosen else None)


def compiled(
    found: source.Source, given: needs.Given, image_name: str | None, chosen: stack.Stack | None = None
) -> Package:
    """The pipeline as it is to run in an image, the stack's when left out, with what is given to its steps."""
    accelerated = found.definition.accelerated if found.definition else ()
    made = found.compile(Execution(image=image_of(image_name, chosen)))
    return needs.apply(made, given, accelerated, chosen.pools if chosen else None)


def require_image(found: source.Source, chosen: stack.Stack | None, image_name: str | None) -> None:
    """UserError where a Kubeflow is to run steps of ours, and nothing says in which image."""
    if found.definition is not None and chosen is None and image_name is None:
        raise UserError(
            "Nothing says which image the steps run in; add --image NAME, or --stack NAME whose image it is."
        )


def prepare(
    found: source.Source,
    package: Package,
    arguments: parameters.Arguments,
    chosen: stack.Stack | None,
    connection: Connection,
    image_name: str | None,
) -> dict[str, Any]:
    """The arguments that a Kubeflow is sent, with what the stack's bucket fills in.

    Raises UserError where the image of our steps is not known, a parameter or a claim is missing.
    """
    require_image(found, chosen, image_name)
    complete = dict(arguments)
    if found.definition is not None and chosen is not None and chosen.bucket:
        with stack.environment(chosen):
            complete = inputs.in_bucket(found.definition, arguments, chosen.bucket, connection.namespace)
    parameters.require(complete, package.pipeline, package.name, ours=found.definition is not None)
    require_claims(connection, package)
    return complete


def arguments_of(params: Iterable[str], package: Package) -> parameters.Arguments:
    """The `--param` texts as the pipeline's parameters."""
    return parameters.parse(params, package.pipeline, package.name)


def runs_folder() -> Path:
    """The folder that holds a folder for each run on this machine."""
    return local_dir() / "pipelines"
