"""Patience with kinds that come to be while a platform starts.

pulumi-kubernetes tries a create again while the API server does not know the kind, six times in half a minute
(provider/pkg/await/await.go, `Creation`); what makes a kind at run time may take as long as images are pulled. And
whoever makes kinds makes their webhooks, too, of which no manifest tells: what those refuse while nobody answers is
tried again as well. The engine asks an error hook after each create that failed.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

import pulumi

# Seconds that a kind may take from the first create that fails, and between two that fail at once.
PATIENCE_S = 20 * 60
PAUSE_S = 5.0

# What the plugin says of a kind that is not served, and the API server of one that is not served yet, or not answered.
_NOT_YET = (
    "reported that the apiVersion for this resource does not exist",
    "the server could not find the requested resource",
    "failed calling webhook",
    "conversion webhook for",
)


def patient(
    makers: Mapping[tuple[str, str], str], clock: Callable[[], float] = time.monotonic, pause: float = PAUSE_S
) -> Callable[[pulumi.ErrorHookArgs], Awaitable[bool]]:
    """Whether to send an object once more; `makers` says by its type and name what makes its kind."""
    since: dict[str, float] = {}

    async def again(args: pulumi.ErrorHookArgs) -> bool:
        if args.failed_operation != "create" or not any(sign in args.errors[0] for sign in _NOT_YET):
            return False
        kind, maker = args.type.rpartition(":")[2], makers[args.type, args.name]
        if clock() - since.setdefault(args.urn, clock()) > PATIENCE_S:
            pulumi.error(f"{kind} {args.name} waited {PATIENCE_S // 60} minutes for its kind: look at {maker}.")
            return False
        pulumi.info(f"{kind} {args.name} waits for its kind, which is made by {maker}.")
        await asyncio.sleep(pause)
        return True

    return again
