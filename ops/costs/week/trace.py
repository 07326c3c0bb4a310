"""A trace: the notebooks and pipelines of a week, with their sizes and hours, as somebody wrote them down in YAML.

    notebooks:
    - name: anna
      team: fraud
      cpu: 2
      memory: 8Gi
      days: mon-fri
      from: "09:00"
      to: "17:30"
    pipelines:
    - name: retrain
      team: fraud
      days: sat
      at: "02:00"
      steps:
      - {cpu: 4, memory: 16Gi, minutes: 45, count: 3}
      - {cpu: 4, memory: 16Gi, minutes: 120, gpus: 1, pool: gpu}

A notebook may also have `count` (so many alike), `gpus`, `pool`, `arch`, `zone` (of its volume) and, where nobody
stops it in the evening, `leftRunning: true`. A step may have the first four; steps run one after another, the `count`
pods of a step side by side. `at` may be a list. Hours are those of the team's clock.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, Literal, cast

import yaml

from infra.kubeflow.capacity import quantity
from ordering.errors import UserError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Arch = Literal["amd64", "arm64"]

_MOST_PODS = 5000
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9 _.-]{0,61}[A-Za-z0-9])?")
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_SHAPE = ("cpu", "memory", "gpus", "pool", "arch", "count")


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What one pod asks for: thousandths of a CPU, bytes, GPUs, and where it wants to run, None for anywhere."""

    cpu: int
    memory: int
    gpus: int
    pool: str | None
    arch: Arch | None


@dataclass(frozen=True, kw_only=True)
class Notebook:
    """`count` servers that are worked with on `days` (0 is Monday) between two minutes of the day.

    `zone` is where its volume is, None for where it first starts. One that is `left` nobody stops in the evening.
    """

    name: str
    team: str
    shape: Shape
    count: int
    days: tuple[int, ...]
    start: int
    end: int
    zone: str | None
    left: bool


@dataclass(frozen=True, kw_only=True)
class Step:
    """`count` pods that run side by side for so many minutes."""

    shape: Shape
    count: int
    minutes: int


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """Runs that start on `days` at these minutes of the day."""

    name: str
    team: str
    days: tuple[int, ...]
    starts: tuple[int, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, kw_only=True)
class Trace:
    """A week that repeats itself."""

    notebooks: tuple[Notebook, ...]
    pipelines: tuple[Pipeline, ...]


class _Texts(yaml.SafeLoader):
    """Leaves every scalar a text, so that 17:30 is no number and `no` no boolean; refuses a key that stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Texts.yaml_implicit_resolvers = {}


def read_file(path: Path) -> Trace:
    """The trace of a file; UserError, one sentence, for the first thing that is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise UserError(
            f"The trace {path} cannot be read: {reason}; name a file such as those in examples/traces/."
        ) from None
    return read(text, str(path))


def read(text: str, where: str) -> Trace:
    """The trace of a text; UserError, which begins with `where`, for the first thing that is wrong."""
    try:
        given = yaml.load(text, _Texts)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}" if error.problem_mark else "it"
        raise UserError(f"{where}: {line} is no YAML: {error.problem}.") from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        raise UserError(f"{where} is no YAML; write it like those in examples/traces/.") from None
    whole = _Part(where, given, ("notebooks", "pipelines"))
    found = Trace(
        notebooks=tuple(_notebook(one) for one in whole.parts("notebooks", _NOTEBOOK)),
        pipelines=tuple(_pipeline(one) for one in whole.parts("pipelines", _PIPELINE)),
    )
    if not found.notebooks and not found.pipelines:
        raise whole.fault("has no notebooks and no pipelines; write some of either")
    pods = sum(one.count * len(one.days) for one in found.notebooks) + sum(
        len(one.days) * len(one.starts) * sum(step.count for step in one.steps) for one in found.pipelines
    )
    if pods > _MOST_PODS:
        raise whole.fault(f"makes {pods} pods a week, and at most {_MOST_PODS} are played; lower its counts")
    return found


_NOTEBOOK = ("name", "team", *_SHAPE, "days", "from", "to", "zone", "leftRunning")
_PIPELINE = ("name", "team", "days", "at", "steps")
_STEP = (*_SHAPE, "minutes")


def _notebook(part: "_Part") -> Notebook:
    start, end = part.minute("from"), part.minute("to")
    if end <= start:
        raise part.fault(f"is worked with from {part.text('from')} to {part.text('to')}; end it later on the same day")
    left = part.text("leftRunning", "false")
    if left not in ("true", "false"):
        raise part.fault(f"has {left!r} as its leftRunning; write true or false")
    return Notebook(
        name=part.name("name"),
        team=part.name("team"),
        shape=_shape(part),
        count=part.integer("count", 1, 500, "1"),
        days=part.days(),
        start=start,
        end=end,
        zone=part.text("zone", "") or None,
        left=left == "true",
    )


def _pipeline(part: "_Part") -> Pipeline:
    steps = tuple(
        Step(shape=_shape(one), count=one.integer("count", 1, 500, "1"), minutes=one.integer("minutes", 1, 2 * 1440))
        for one in part.parts("steps", _STEP)
    )
    if not steps:
        raise part.fault("has no steps; write at least one, such as {cpu: 1, memory: 2Gi, minutes: 10}")
    return Pipeline(
        name=part.name("name"), team=part.name("team"), days=part.days(), starts=part.minutes("at"), steps=steps
    )


def _shape(part: "_Part") -> Shape:
    arch = part.text("arch", "")
    if arch not in ("", "amd64", "arm64"):
        raise part.fault(f"has {arch!r} as its arch, which is not one of amd64, arm64")
    return Shape(
        cpu=part.amount("cpu", 1000, "2 or 500m"),
        memory=part.amount("memory", 1, "8Gi"),
        gpus=part.integer("gpus", 0, 64, "0"),
        pool=part.text("pool", "") or None,
        arch=cast("Arch | None", arch or None),
    )


class _Part:
    """A map of the trace with its place in the file, from which what is wrong is said."""

    def __init__(self, where: str, given: Any, fields: Sequence[str]) -> None:
        self._where = where
        if not isinstance(given, dict):
            raise self.fault(f"is no map; write fields such as {', '.join(fields[:4])}")
        self._given: Mapping[str, Any] = given
        if isinstance(name := given.get("name"), str):
            self._where += f" ({name})"
        for field in given:
            if field not in fields:
                raise self.fault(f"has the field {field!r}, which is not known; known are {', '.join(fields)}")

    def fault(self, what: str) -> UserError:
        """What is wrong, as one sentence."""
        return UserError(f"{self._where} {what}.")

    def text(self, field: str, default: str | None = None) -> str:
        """A text, which has to be there without a default."""
        value = self._given.get(field, default)
        if value is None:
            raise self.fault(f"has no {field}; add it")
        if not isinstance(value, str):
            raise self.fault(f"has {value!r} as its {field}; write one text")
        return value

    def name(self, field: str) -> str:
        """A short text on one line."""
        value = self.text(field)
        if not _NAME.fullmatch(value):
            raise self.fault(f"has {value!r} as its {field}; use up to 63 letters, digits, spaces and -_.")
        return value

    def integer(self, field: str, low: int, high: int, default: str | None = None) -> int:
        """A whole number between two bounds."""
        value = self.text(field, default)
        if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
            raise self.fault(f"has {value!r} as its {field}; write a whole number from {low} to {high}")
        return int(value)

    def amount(self, field: str, unit: int, example: str) -> int:
        """What Kubernetes takes as a quantity, in units of which one holds so many."""
        value = self.text(field)
        try:
            found = ceil(quantity(value) * unit)
        except (ValueError, OverflowError):
            found = 0
        if not 0 < found < 2**50:
            raise self.fault(f"has {value!r} as its {field}; write one like {example}")
        return found

    def minute(self, field: str) -> int:
        """A time of the day, in minutes."""
        return self._minute(field, self.text(field))

    def minutes(self, field: str) -> tuple[int, ...]:
        """Times of the day: one, or a list."""
        value = self._given.get(field)
        given = value if isinstance(value, list) and value else [self.text(field)]
        found = tuple(self._minute(field, one) for one in given)
        if len(set(found)) < len(found):
            raise self.fault(f"names a time twice in its {field}; keep one")
        return found

    def _minute(self, field: str, value: Any) -> int:
        match = _TIME.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise self.fault(f"has {value!r} as its {field}; write a time of the day like 09:00")
        return int(match[1]) * 60 + int(match[2])

    def days(self) -> tuple[int, ...]:
        """Days of the week: `mon-fri`, `mon,wed`."""
        text, found = self.text("days"), set[int]()
        for part in text.replace(" ", "").lower().split(","):
            first, _, last = part.partition("-")
            if first not in DAYS or (last or first) not in DAYS or DAYS.index(first) > DAYS.index(last or first):
                raise self.fault(
                    f"has {text!r} as its days; write some of {', '.join(DAYS)}, such as mon-fri or mon,wed"
                )
            found.update(range(DAYS.index(first), DAYS.index(last or first) + 1))
        return tuple(sorted(found))

    def parts(self, field: str, fields: Sequence[str]) -> "list[_Part]":
        """A list of maps."""
        value = self._given.get(field, [])
        if not isinstance(value, list):
            raise self.fault(f"has something else than a list as its {field}; begin each of them with a dash")
        return [_Part(f"{self._where}: {field}[{index}]", one, fields) for index, one in enumerate(value)]
