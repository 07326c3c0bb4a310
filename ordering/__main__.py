"""`python -m ordering`: a folder of manifests planned, explained, looked through, or exported for another engine."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ordering import lint
from ordering.errors import UserError
from ordering.exports import TARGETS, Export
from ordering.graph import build
from ordering.manifests.kustomization import ALLOWED
from ordering.manifests.render import render
from ordering.plan import CHAINS, FORMATS, shown


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; 0 where all is well, 1 for an error or a problem found, 2 for wrong arguments, 130 for Ctrl-C."""
    given = _parser().parse_args(arguments)
    try:
        code = _run(given)
        print(end="", flush=True)
        return code
    except UserError as error:
        return _say(str(error), 1)
    except BrokenPipeError:
        # Whoever reads has enough (`| head`).
        _let_go_of_the_output()
        return 1
    except OSError as error:
        if error.filename is None:
            _let_go_of_the_output()
        return _say(f"{error.filename or 'the output'}: {error.strerror}; mend that, or name another place.", 1)
    except KeyboardInterrupt:
        return _say("interrupted; run it again for the whole.", 130)


def _say(text: str, code: int) -> int:
    print(f"error: {text}", file=sys.stderr)
    return code


def _let_go_of_the_output() -> None:
    """Without this, Python complains once more when it ends, of what it could not write."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ordering", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    plan = commands.add_parser("plan", help="in which order the objects go, and what each waits for")
    plan.add_argument("--format", choices=[*FORMATS], default="text")
    why = commands.add_parser("why", help="what holds one object back")
    why.add_argument("--format", choices=[*CHAINS], default="text")
    look = commands.add_parser("lint", help="what is wrong; exits with 1 where it would stop an installation")
    look.add_argument("--format", choices=["text", "json"], default="text")
    export = commands.add_parser("export", help="the order as annotations or files of another engine")
    export.add_argument("--to", choices=[*TARGETS], required=True)
    export.add_argument("--output", type=Path, help="a folder to write; without it a single file goes to stdout")
    export.add_argument(
        "--report", choices=["text", "json"], default="text", help="what the engine cannot express, on stderr"
    )
    for command in (plan, why, look, export):
        command.add_argument("path", type=Path, metavar="FOLDER", help="a kustomization, or a YAML file")
        command.add_argument("--component", action="append", default=[], help="a kustomize component to lay over it")
        command.add_argument(
            "--allow", action="append", default=[], choices=[*ALLOWED], help="what kustomize may do on top"
        )
    why.add_argument("object", metavar="OBJECT", help="apiVersion/kind/namespace/name, or kind/name")
    return parser


def _run(given: argparse.Namespace) -> int:
    objects = render(given.path, components=given.component, allow=given.allow)
    if given.command == "lint":
        problems = lint.lint(objects)
        print(lint.document(problems) if given.format == "json" else lint.text(problems))
        return int(any(problem.level == "error" for problem in problems))
    graph = build(objects)
    if given.command == "export":
        _export(TARGETS[given.to](graph), given.output, given.report)
        return 0
    print(shown(graph, str(given.path), given.format, getattr(given, "object", "")))
    return 0


def _export(export: Export, output: Path | None, report: str) -> None:
    if output is not None:
        try:
            export.write(output)
        except (FileExistsError, NotADirectoryError):
            raise UserError(f"--output names {output}, where a file is in the way: name a folder.") from None
    elif len(export.files) == 1:
        print(*export.files.values(), end="")
    else:
        raise UserError(f"this export has {len(export.files)} files: name a folder in --output.")
    if report == "json":
        print(json.dumps({"version": 1, "files": [*export.files], "notes": export.notes}, indent=1), file=sys.stderr)
    else:
        print(*(f"note: {note}" for note in export.notes), sep="\n", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
