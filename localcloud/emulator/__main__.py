"""`python -m localcloud.emulator STATE KEY MINUTE`: serve, and write to the file STATE how to get in.

KEY is the public key, PEM, of the API server's tokens for service accounts; MINUTE is how many seconds a minute of AWS
takes.
"""

import asyncio
import os
import re
import socket
import sys
from pathlib import Path

import httpx
from hypercorn.asyncio import serve
from hypercorn.config import Config

from localcloud.emulator import Server, write
from localcloud.emulator.guard import Application, Guard
from localcloud.plane import processes

OPERATOR = "operator"
_ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
# MiniStack takes this key for the account's root unsigned; from outside, the guard does not.
_ROOT = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0"


async def operator(application: Application) -> tuple[str, str]:
    """Make the one user of a new account, an administrator; returns its access key and the secret of it."""
    transport = httpx.ASGITransport(app=application)

    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:

        async def ask(action: str, **parameters: str) -> str:
            form = {"Action": action, "Version": "2010-05-08", "UserName": OPERATOR, **parameters}
            answer = await client.post("/", data=form, headers={"Authorization": _ROOT})
            return answer.raise_for_status().text

        await ask("CreateUser")
        await ask("AttachUserPolicy", PolicyArn=_ADMINISTRATOR)
        made = await ask("CreateAccessKey")
    key, secret = (re.search(f"<{name}>(.*?)</{name}>", made) for name in ("AccessKeyId", "SecretAccessKey"))
    assert key, made
    assert secret, made
    return key[1], secret[1]


async def run(state: Path, token_key: Path, minute: float, listener: socket.socket) -> None:
    """Serve on the listening socket until SIGTERM."""
    from ministack import app as ministack  # reads its settings, the port among them, when it is imported

    from localcloud.emulator import conduct

    app = ministack.app
    conduct.install(ministack, minute)
    host, port = listener.getsockname()
    key, secret = await operator(app)
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.keep_alive_timeout = 75
    pid = os.getpid()
    started = processes.identity(pid)
    assert started is not None
    write(
        state,
        Server(
            pid=pid,
            started=started,
            endpoint=f"http://{host}:{port}",
            access_key=key,
            secret_key=secret,
            minute=minute,
        ),
    )
    await serve(Guard(app, token_key), config)  # type: ignore[arg-type]


def main(arguments: list[str]) -> None:
    state, token_key, minute = arguments
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    os.environ["GATEWAY_PORT"] = str(listener.getsockname()[1])
    asyncio.run(run(Path(state), Path(token_key), float(minute), listener))


if __name__ == "__main__":
    main(sys.argv[1:])
