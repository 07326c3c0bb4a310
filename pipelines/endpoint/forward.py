"""A way to a cluster's dashboard that is not open to the Internet: `kubectl port-forward` to its gateway."""

import contextlib
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import tools
from ordering.errors import UserError

_READY = re.compile(r"^Forwarding from (127\.0\.0\.1:\d+) ->")


@contextlib.contextmanager
def forward(kubeconfig: str, service: str) -> Iterator[str]:
    """The address of a dashboard on this machine, for as long as the block lasts.

    The kubeconfig is content, not a path, and the Service NAMESPACE/NAME. Raises UserError when kubectl cannot be
    brought, or cannot reach that.
    """
    namespace, _, name = service.partition("/")
    program = tools.bring("kubectl")["kubectl"]
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "kubeconfig"
        config.touch(mode=0o600)
        config.write_text(kubeconfig)
        errors = Path(folder) / "stderr"
        with errors.open("w") as stderr:
            process = subprocess.Popen(
                [
                    *(program, "--kubeconfig", str(config), "-n", namespace),
                    *("port-forward", "--address", "127.0.0.1", f"svc/{name}", ":80"),
                ],
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env=os.environ | {"KUBECONFIG": str(config)},
            )
        output = cast("IO[str]", process.stdout)
        try:
            found = _READY.match(output.readline())
            if not found:
                said = " ".join(errors.read_text().split()) or "it said nothing"
                raise UserError(f"kubectl cannot reach the dashboard at {service}: {said}")
            yield f"http://{found[1]}"
        finally:
            process.terminate()
            process.wait()
            output.close()
