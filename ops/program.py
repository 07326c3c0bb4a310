"""The Pulumi program, infra/program.py, as the Automation API runs it: in this process."""

import asyncio
import importlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

import pulumi

from ops import sdk
from ops.project import PROJECT_ROOT
from ordering.check import told
from ordering.errors import UserError

if TYPE_CHECKING:  # what needs no program does without its imports
    from infra.inputs import Inputs
    from infra.kubeflow.earlier import Earlier
    from ordering.graph import Graph

# What the program imports, and what it makes the SDKs import at first use.
_IMPORTS = (
    "infra.program",
    "pulumi_aws.cloudwatch",
    "pulumi_aws.s3",
)


class Program:
    """Runs the program when the engine asks for it, and keeps what it started from for the summary."""

    def __init__(self) -> None:
        self.given: Inputs | None = None
        self._refused: UserError | None = None
        self._preloading: Future[None] | None = None
        self.before: Callable[[Graph], Earlier] = nothing_before
        """Looks at what will be installed before a resource is registered, and says what of it an earlier run has sent;
        what it raises, the program refuses."""

    async def __call__(self) -> None:
        from infra.kubeflow.install import Known  # only here, so that what needs no program does without its imports

        sdk.spare(Known)
        if self._preloading is not None:
            # The SDKs' modules that load at first use are half there for a second thread that uses them meanwhile.
            wait([self._preloading])
        self._refused = None
        try:
            self.run()
        except pulumi.RunError as error:
            self._refused = UserError(str(error))
            await sdk.refuse_registrations(error)
            raise
        # Once the registrations have begun, the SDK waits for each in turn. Before, it would find none to wait for and
        # look through all outputs whenever one of them is ready: half of its time, and more with each object.
        await asyncio.sleep(0)

    def preload(self) -> None:
        """Imports in the background what the program will: the engine takes as long to read the state, on another core.

        Whatever fails here fails in the program too, which says so.
        """
        background = ThreadPoolExecutor(max_workers=1, thread_name_prefix="preload")
        self._preloading = background.submit(import_sdks)
        background.shutdown(wait=False)

    def run(self) -> None:
        """Registers all resources."""
        from infra import program

        def before(given: "Inputs") -> "Earlier":
            self.given = given
            return self.before(given.release.graph)

        self.given = program.run(PROJECT_ROOT, before)

    @property
    def graph(self) -> "Graph":
        """What is installed, in its order, once the program has run."""
        assert self.given is not None
        return self.given.release.graph

    @property
    def notices(self) -> tuple[str, ...]:
        """What a preview by this caller leaves out, and what the manifests lack, once the program has run."""
        if self.given is None:
            return ()
        outside = (self.given.outside,) if self.given.outside else ()
        return (*outside, *self.given.pod_access, *told(self.given.release.findings))

    @property
    def live_version(self) -> str:
        """What the stack's own cluster runs, once the program has run; empty where that is not known."""
        return "" if self.given is None else self.given.live_version

    @property
    def leaves_pod_identity(self) -> bool:
        """Whether the run took the associations of EKS Pod Identity away, and another has to do the rest."""
        return self.given is not None and self.given.leaving_pod_identity

    @property
    def refusal(self) -> UserError | None:
        """Why whoever previewed may not go on, once the program has run."""
        return None if self.given is None or self.given.may_change else UserError(self.given.outside)

    @property
    def failure(self) -> UserError | None:
        """What the program or a team's extension of it refused to go on with: the engine tells it at more length."""
        return self._refused or (self.given.extensions.failure if self.given else None)

    def expected(self) -> dict[str, int]:
        """How many resources each stage will have, as far as the program knows by now."""
        # One more than the objects: the component that holds them.
        return {} if self.given is None else {"kubeflow": len(self.graph.nodes) + 1}


def nothing_before(_: "Graph") -> "Earlier":
    """Refuses nothing, and knows of nothing that an earlier run has sent."""
    from infra.kubeflow.earlier import Earlier

    return Earlier()


def import_sdks() -> None:
    """Imports what the program will."""
    for module in _IMPORTS:
        # Asking for something of it loads a module that waits for that.
        getattr(importlib.import_module(module), "__all__", None)
