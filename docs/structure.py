"""What the picture of the architecture shows, read out of the sources, which are parsed and not run."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

Given = dict[str, set[str]]
"""The components that something is made of, and their outputs that went into it."""


@dataclass(frozen=True, kw_only=True)
class Component:
    """A component of the program: where its class is, the resources that its module makes, and the outputs it gets."""

    name: str
    module: str
    makes: tuple[str, ...]
    needs: Given


def parsed(path: str) -> ast.Module:
    """A source file of the project."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def constant(path: str, name: str) -> list[str]:
    """The texts, or the names, in a literal of a module: the keys of a dict, the items of a tuple or set."""
    for node in ast.walk(parsed(path)):
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            assert isinstance(node, ast.Assign | ast.AnnAssign)
            value = node.value
            if isinstance(value, ast.Dict):
                return [str(ast.literal_eval(key)) for key in value.keys if key is not None]
            if isinstance(value, ast.Tuple):
                return [item.id if isinstance(item, ast.Name) else str(ast.literal_eval(item)) for item in value.elts]
    raise LookupError(f"{path} has no literal {name}")


def calls(path: str, function: str) -> dict[str, str]:
    """The functions that a function calls in its order, each with the file that it is imported from."""
    tree = parsed(path)
    homes = {
        name.name: f"{node.module.replace('.', '/')}"
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module
        for name in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == function:
            found = [call for call in ast.walk(node) if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)]
            # Of two in one line the inner one runs first.
            found.sort(key=lambda call: (call.lineno, -call.col_offset))
            names = [call.func.id for call in found if isinstance(call.func, ast.Name)]
            return {name: homes[name] for name in names if name in homes}
    raise LookupError(f"{path} has no function {function}")


def components() -> list[Component]:
    """The components that `infra/program.py` makes, in its order."""
    homes: dict[str, str] = {}
    makers: dict[str, str] = {}
    for path in sorted((ROOT / "infra").rglob("*.py")):
        module = path.relative_to(ROOT).as_posix()
        tree = parsed(module)
        classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef) and _is_component(node)}
        homes |= dict.fromkeys(classes, module)
        makers |= {name: name for name in classes}
        # A function that returns a component makes it.
        makers |= {
            node.name: node.returns.id
            for node in tree.body
            if isinstance(node, ast.FunctionDef) and isinstance(node.returns, ast.Name) and node.returns.id in classes
        }
    return [
        Component(name=name, module=homes[name], makes=tuple(_resources(homes[name])), needs=needs)
        for name, needs in _flow(parsed("infra/program.py"), makers).items()
    ]


def _is_component(node: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Attribute) and base.attr == "ComponentResource" for base in node.bases)


def _resources(path: str) -> Iterator[str]:
    """The resources that a module makes, once each: `Vpc` of `ec2.Vpc(…)`, of a class of its own that is one, or of a
    plain resource's type `…:Vpc`.
    """
    tree = parsed(path)
    packages = set()
    for node in tree.body:
        names = node.names if isinstance(node, ast.Import | ast.ImportFrom) else []
        source = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
        packages |= {
            name.asname or name.name for name in names if f"{source}.{name.name}".strip(".").startswith("pulumi_")
        }
    own = {
        node.name: base.attr
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        for base in node.bases
        if isinstance(base, ast.Attribute) and isinstance(base.value, ast.Name) and base.value.id in packages
    }
    seen = set()
    for call in sorted((n for n in ast.walk(tree) if isinstance(n, ast.Call)), key=lambda n: n.lineno):
        called = call.func
        first = called
        while isinstance(first, ast.Attribute):
            first = first.value
        if not isinstance(first, ast.Name):
            continue
        if isinstance(called, ast.Attribute):
            name = called.attr if first.id in packages else ""
            if called.attr == "CustomResource" and call.args and isinstance(call.args[0], ast.Constant):
                name = str(call.args[0].value).rsplit(":", 1)[-1]
        else:
            name = own.get(first.id, "")
        if name and name[0].isupper() and not name.endswith("Args") and name not in seen:
            seen.add(name)
            yield name


def _flow(program: ast.Module, makers: dict[str, str]) -> dict[str, Given]:
    """What each component gets of the others, by what the program's variables were made of."""
    made: dict[str, str] = {}
    derived: dict[str, Given] = {}
    flow: dict[str, Given] = {}

    def used(node: ast.AST) -> Given:
        found: Given = {}
        for inner in ast.walk(node):
            if isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name) and inner.value.id in made:
                found.setdefault(made[inner.value.id], set()).add(inner.attr)
            elif isinstance(inner, ast.Name):
                for component, outputs in derived.get(inner.id, {}).items():
                    found.setdefault(component, set()).update(outputs)
        return found

    def maker(node: ast.AST) -> str | None:
        names = (
            call.func.id for call in ast.walk(node) if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
        )
        return next((makers[name] for name in names if name in makers), None)

    statements = [node for node in ast.walk(program) if isinstance(node, ast.Assign | ast.Expr)]
    for statement in sorted(statements, key=lambda node: node.lineno):
        component = maker(statement.value)
        if component:
            flow[component] = used(statement.value)
        for target in statement.targets if isinstance(statement, ast.Assign) else ():
            for name in (inner.id for inner in ast.walk(target) if isinstance(inner, ast.Name)):
                if component:
                    made[name] = component
                else:
                    derived[name] = {**derived.get(name, {}), **used(statement.value)}
    return flow


def columns(found: Sequence[Component]) -> list[list[Component]]:
    """The components by how many others stand before them."""
    depth: dict[str, int] = {}
    while len(depth) < len(found):
        for one in found:
            if all(need in depth for need in one.needs):
                depth[one.name] = max((depth[need] + 1 for need in one.needs), default=0)
    return [[one for one in found if depth[one.name] == level] for level in range(max(depth.values()) + 1)]
