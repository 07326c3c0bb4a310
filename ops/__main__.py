"""Commands around the program: `python -m ops COMMAND --help`."""

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Ctrl-C during the imports has nothing to tell, and would tell it as a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import importlib
import sys

import click

from tools import entry, garbage

# Each in a module of its own, imported when it is called: together they import half of AWS.
COMMANDS = (
    "up",
    "adopt",
    "upgrade",
    "rollback",
    "preview",
    "drift",
    "destroy",
    "down",
    "stack",
    "password",
    "rotate",
    "doctor",
    "cost",
    "leftovers",
    "restore",
    "plan",
    "images",
    "images-lock",
    "mirror",
    "recover",
    "versions",
    "upgrade-nodes",
)

INTERRUPTED = "Interrupted. What was done so far is kept, and the same command goes on from there."


class Commands(click.Group):
    """The group of COMMANDS; each module calls its own `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"ops.commands.{name.replace('-', '_')}").command
        return command


@click.group(cls=Commands)
def main() -> None:
    """From an AWS account, or a laptop, to a working Kubeflow."""


if __name__ == "__main__":
    garbage.search_rarely()
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # A pipeline that is cancelled ends like Ctrl-C: what was made for the time of the run goes, keys of clusters too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(entry.run(main, name="python -m ops", interrupted=INTERRUPTED))
