"""`python -m tests.local.judged STATE KEY LOG`: the AWS emulator, which notes what it judged: who, action, decision."""

import asyncio
import os
import socket
import sys
from pathlib import Path
from typing import Any

from ministack.core import iam_evaluator

from localcloud.emulator.__main__ import run


def main(state: Path, token_key: Path, log: Path) -> None:
    """Serve until SIGTERM."""
    judge = iam_evaluator.enforce
    written = log.open("a", buffering=1)

    def noted(access_key_id: str, iam_action: str, *rest: Any, **named: Any) -> Any:
        refused = judge(access_key_id, iam_action, *rest, **named)
        written.write(f"{access_key_id} {iam_action} {'allowed' if refused is None else 'refused'}\n")
        return refused

    iam_evaluator.enforce = noted
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    os.environ["GATEWAY_PORT"] = str(listener.getsockname()[1])
    asyncio.run(run(state, token_key, 0, listener))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
