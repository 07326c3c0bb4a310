"""The one place that touches kfp's untyped decorators: how a step is made, and how it is placed on the cluster.

kfp sends the source of a step's function to the cluster, so a step imports what it needs in its body, and what steps
share is handed to `step` as helpers, whose source goes along.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kfp import dsl

from pipelines.defaults import IMAGE_REPOSITORY

# What kfp makes of a function: called in a pipeline it gives a task; `.python_func` is the function itself.
Component = Any
Pipeline = Any
Task = Any


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a step asks of its node and may use at most, in Kubernetes' notation (`250m` CPU, `512Mi` memory)."""

    cpu_request: str
    cpu_limit: str
    memory_request: str
    memory_limit: str


SMALL = Resources(cpu_request="100m", cpu_limit="500m", memory_request="256Mi", memory_limit="512Mi")
MEDIUM = Resources(cpu_request="250m", cpu_limit="1", memory_request="512Mi", memory_limit="1Gi")


@dataclass(frozen=True, kw_only=True)
class Execution:
    """Where steps run: the image of every step."""

    image: str


def step(*helpers: Callable[..., Any]) -> Callable[[Callable[..., Any]], Component]:
    """Make a step of a function; nothing is installed when it runs, for our image and our .venv have all of it."""
    return dsl.component(  # type: ignore[no-any-return]
        base_image=IMAGE_REPOSITORY, install_kfp_package=False, additional_funcs=list(helpers)
    )


def pipeline(*, name: str, description: str) -> Callable[[Callable[..., Any]], Pipeline]:
    """Make a pipeline of a function that calls steps."""
    return dsl.pipeline(name=name, description=description)  # type: ignore[no-any-return]


def place(
    task: Task,
    execution: Execution,
    resources: Resources = SMALL,
    *,
    cache: bool = True,
    network: bool = False,
) -> Task:
    """Give a task its image, its share of a node, and what happens when it fails or has run before.

    A step that touches the network is tried up to three times more, 10 s, 20 s and 40 s later.
    """
    task.set_container_image(execution.image)
    task.set_cpu_request(resources.cpu_request).set_cpu_limit(resources.cpu_limit)
    task.set_memory_request(resources.memory_request).set_memory_limit(resources.memory_limit)
    task.set_caching_options(enable_caching=cache)
    if network:
        task.set_retry(num_retries=3, backoff_duration="10s", backoff_factor=2.0, backoff_max_duration="60s")
    return task
