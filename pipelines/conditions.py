"""`dsl.If` on this machine.

kfp's local runner reads a condition as the name of an output alone, while its compiler writes
`inputs.parameter_values['pipelinechannel--STEP-OUTPUT'] == true`: it warns into the log, and skips what should run
(`ConditionEvaluator` in kfp/local/orchestrator/enhanced_dag_orchestrator.py of kfp 2.16.1).
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kfp.local.orchestrator.enhanced_dag_orchestrator import ConditionEvaluator

_VALUE = re.compile(r"inputs\.parameter_values\['pipelinechannel--([^']+)'\]")
# What the compiler writes of the Common Expression Language, in Python's words; texts are matched first, and stay.
_WORD = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|&&|\|\||!(?!=)|\btrue\b|\bfalse\b")
_PYTHON = {"&&": " and ", "||": " or ", "!": " not ", "true": "True", "false": "False"}
_FUNCTIONS = {"__builtins__": {}, "int": int, "double": float, "string": str}


def holds(condition: str, io_store: Any) -> bool:
    """Whether a compiled condition holds, with kfp's store of a group's inputs and outputs.

    Raises RuntimeError for a condition that cannot be evaluated, so that nothing is skipped in silence.
    """
    try:
        known = _WORD.sub(lambda found: _PYTHON.get(found[0], found[0]), _VALUE.sub(r"given['\1']", condition))
        given = {name: _value(name, io_store) for name in _VALUE.findall(condition)}
        return bool(eval(known, _FUNCTIONS, {"given": given}))
    except Exception as error:
        raise RuntimeError(f"Condition {condition!r} cannot be evaluated here: {error}") from None


@contextmanager
def evaluated() -> Iterator[None]:
    """Has kfp's local runner evaluate conditions so while the block lasts."""
    before = ConditionEvaluator.evaluate_condition
    ConditionEvaluator.evaluate_condition = staticmethod(holds)
    try:
        yield
    finally:
        ConditionEvaluator.evaluate_condition = staticmethod(before)


def _value(name: str, io_store: Any) -> Any:
    """A parameter of the group, or `STEP-OUTPUT`: both parts may hold hyphens."""
    try:
        return io_store.get_parent_input(name)
    except Exception:
        pass
    for place in (found.start() for found in re.finditer("-", name)):
        try:
            return io_store.get_task_output(name[:place], name[place + 1 :])
        except Exception:
            continue
    raise ValueError(f"nothing gave {name}")
