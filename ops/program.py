"""The Pulumi program, `__main__.py`, as the Automation API runs it: in this process, as it stands."""

import runpy
from typing import Any

from ops.paths import PROJECT_ROOT


class Program:
    """Runs `__main__.py` when the engine asks for it, and keeps its global names for the summary."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}

    def __call__(self) -> None:
        self.names = runpy.run_path(str(PROJECT_ROOT / "__main__.py"), run_name="__main__")

    def expected(self) -> dict[str, int]:
        """How many resources each stage will have, as far as the program knows by now."""
        loaded = self.names.get("release")
        # One more than the objects: the component that holds them.
        return {} if loaded is None else {"kubeflow": len(loaded.graph.nodes) + 1}
