"""`dsl.If` on this machine, where kfp's local runner (kfp/local/orchestrator of kfp 2.16.1) does two things wrong.

It reads a condition as the name of an output alone (`ConditionEvaluator`), while its compiler writes
`inputs.parameter_values['pipelinechannel--STEP-OUTPUT'] == true`: it warns into the log, and skips what should run. And
where a condition stands in a group, as those of If and Else do, `run_dag` looks at none, and runs all branches.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kfp.local.orchestrator import dag_orchestrator
from kfp.local.orchestrator.enhanced_dag_orchestrator import ConditionEvaluator, run_enhanced_dag

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
    before = ConditionEvaluator.evaluate_condition, dag_orchestrator.run_dag
    ConditionEvaluator.evaluate_condition, dag_orchestrator.run_dag = staticmethod(holds), run_enhanced_dag
    try:
        yield
    finally:
        ConditionEvaluator.evaluate_condition, dag_orchestrator.run_dag = staticmethod(before[0]), before[1]


def _value(name: str, io_store: Any) -> Any:
    """What a group within a group was handed, a parameter, or `STEP-OUTPUT`: both parts of that may hold hyphens."""
    for handed in (f"pipelinechannel--{name}", name):
        try:
            return io_store.get_parent_input(handed)
        except Exception:
            continue
    for place in (found.start() for found in re.finditer("-", name)):
        try:
            return io_store.get_task_output(name[:place], name[place + 1 :])
        except Exception:
            continue
    raise ValueError(f"nothing gave {name}")
