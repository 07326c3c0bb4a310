"""The Pulumi program, `__main__.py`, as the Automation API runs it: in this process, as it stands."""

import asyncio
import importlib
import runpy
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from ops import sdk
from ops.project import PROJECT_ROOT

# What the program imports, and what it makes the SDKs import at first use.
_IMPORTS = (
    "infra.inputs",
    "infra.aws.cluster",
    "infra.kubeflow.install",
    "pulumi_aws.cloudwatch",
    "pulumi_aws.s3",
)


class Program:
    """Runs `__main__.py` when the engine asks for it, and keeps its global names for the summary."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}
        self._preloading: Future[None] | None = None

    async def __call__(self) -> None:
        from infra.kubeflow.install import Known  # only here, so that what needs no program does without its imports

        sdk.spare(Known)
        if self._preloading is not None:
            # The SDKs' modules that load at first use are half there for a second thread that uses them meanwhile.
            wait([self._preloading])
        self.run()
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
        self.names = runpy.run_path(str(PROJECT_ROOT / "__main__.py"), run_name="__main__")

    def expected(self) -> dict[str, int]:
        """How many resources each stage will have, as far as the program knows by now."""
        loaded = self.names.get("release")
        # One more than the objects: the component that holds them.
        return {} if loaded is None else {"kubeflow": len(loaded.graph.nodes) + 1}


def import_sdks() -> None:
    """Imports what the program will."""
    for module in _IMPORTS:
        # Asking for something of it loads a module that waits for that.
        getattr(importlib.import_module(module), "__all__", None)
