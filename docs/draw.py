"""Prints architecture.svg, drawn from the code: `.venv/bin/python docs/draw.py > docs/architecture.svg`.

Only the places on the page and the notes are chosen here; the rest `structure` reads out of the sources.
"""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from structure import calls, columns, components, constant

WIDTH, MARGIN, GAP = 1240, 24, 16
LINE = 15
# What one character of the font takes of its size, on average.
CHARACTER = 0.54

INK, SOFT, RULE = "#1f2933", "#52606d", "#9aa5b1"
BLUE, GREEN, SAND, GREY = "#e6f0fa", "#e5f4ea", "#fdf3dc", "#f3f4f6"


def text(
    x: float, y: float, content: str, size: int = 12, *, fill: str = INK, bold: bool = False, middle: bool = False
) -> str:
    """A line of text whose baseline is at y."""
    style = f'font-size="{size}" fill="{fill}"' + (' font-weight="600"' if bold else "")
    anchor = ' text-anchor="middle"' if middle else ""
    return f'<text x="{x:g}" y="{y:g}" {style}{anchor}>{escape(content)}</text>'


def box(x: float, y: float, width: float, height: float, fill: str, stroke: str = RULE) -> str:
    """A rounded rectangle."""
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="7" fill="{fill}" stroke="{stroke}"/>'


def wrapped(lines: Iterable[str], width: float) -> list[str]:
    """Lines as they fit into a card of a width."""
    room = int((width - 20) / (11 * CHARACTER))
    return [part for line in lines for part in textwrap.wrap(line, room, break_long_words=False)]


def shortened(names: Sequence[str]) -> Iterator[str]:
    """Names, with `…` for the last whole one where others begin with it: `Bucket, …Policy`."""
    whole = ""
    for name in names:
        if whole and name.startswith(whole):
            yield f"…{name.removeprefix(whole)}"
        else:
            whole = name
            yield name


def height_of(lines: Sequence[str]) -> float:
    """The height of a card with these lines, as they are wrapped."""
    return 50 + LINE * len(lines)


def card(
    x: float, y: float, width: float, height: float, title: str, note: str, lines: Iterable[str], fill: str
) -> list[str]:
    """A box with a title, a note below it and wrapped lines of text."""
    head = [
        box(x, y, width, height, fill),
        text(x + 10, y + 19, title, 13, bold=True),
        text(x + 10, y + 35, note, 10, fill=SOFT),
    ]
    return head + [text(x + 10, y + 53 + LINE * number, line, 11) for number, line in enumerate(lines)]


def arrow(points: Sequence[tuple[float, float]]) -> str:
    """A line through points, with round corners and a head at its end."""
    (x, y), *rest = points
    path = f"M{x:g} {y:g}"
    for number, (x2, y2) in enumerate(rest):
        if number + 1 < len(rest):
            x3, y3 = rest[number + 1]
            before, after = _towards((x2, y2), (x, y)), _towards((x2, y2), (x3, y3))
            path += f" L{before[0]:g} {before[1]:g} Q{x2:g} {y2:g} {after[0]:g} {after[1]:g}"
        else:
            path += f" L{x2:g} {y2:g}"
        x, y = x2, y2
    return f'<path d="{path}" fill="none" stroke="{SOFT}" marker-end="url(#to)"/>'


def _towards(corner: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    """The point a corner's radius away from it."""
    dx, dy = other[0] - corner[0], other[1] - corner[1]
    length = max(abs(dx), abs(dy), 1)
    radius = min(6, length / 2)
    return corner[0] + dx / length * radius, corner[1] + dy / length * radius


def band(y: float, height: float, title: str, note: str) -> list[str]:
    """A stripe over the whole width with a heading."""
    return [
        box(MARGIN, y, WIDTH - 2 * MARGIN, height, "#ffffff", "#d5dbe1"),
        text(MARGIN + 14, y + 22, title, 14, bold=True),
        text(MARGIN + 14 + len(title) * 14 * 0.5 + 16, y + 22, note, 12, fill=SOFT),
    ]


def chips(x: float, y: float, names: Sequence[str], fill: str) -> list[str]:
    """Names in small boxes, in a row."""
    drawn = []
    for name in names:
        width = len(name) * 12 * CHARACTER + 22
        drawn += [box(x, y, width, 26, fill), text(x + width / 2, y + 17.5, name, 12, middle=True)]
        x += width + 8
    return drawn


def program(y: float) -> tuple[list[str], float, float]:
    """The components and what they give each other; returns the height of the band and the middle of the platform."""
    levels = columns(components())
    space = 98
    width = (WIDTH - 2 * MARGIN - 28 - space * (len(levels) - 1)) / len(levels)
    lines = {
        one.name: wrapped([", ".join(shortened(one.makes)) or PLATFORM], width) for level in levels for one in level
    }
    rows = max(map(len, levels))
    heights = [max(height_of(lines[level[row].name]) for level in levels if row < len(level)) for row in range(rows)]
    tops = [y + 42 + sum(heights[:row]) + 22 * row for row in range(rows)]
    place = {one.name: (number, row) for number, level in enumerate(levels) for row, one in enumerate(level)}
    left = {number: MARGIN + 14 + number * (width + space) for number in range(len(levels))}
    departures: dict[str, int] = {}
    drawn = []
    for number, level in enumerate(levels):
        for row, one in enumerate(level):
            fill = BLUE if one.makes else GREEN
            drawn += card(left[number], tops[row], width, heights[row], one.name, one.module, lines[one.name], fill)
            # The order of lanes in which no two arrows cross: from above to below, from left to right.
            needs = sorted(one.needs, key=lambda name: (place[name][1], -place[name][0]))
            for lane, need in enumerate(needs):
                column, source = place[need]
                start, end = left[column] + width, left[number] - 2
                arrival = tops[row] + 19 + 16 * lane
                turn = left[number] - 14 - 9 * (len(needs) - lane)
                outputs = sorted(one.needs[need])
                if source == row and column == number - 1:
                    drawn.append(arrow([(start, arrival), (end, arrival)]))
                    drawn += [
                        text(start + 6, arrival - 5 - 10 * up, name, 9, fill=SOFT)
                        for up, name in enumerate(reversed(outputs))
                    ]
                elif source == row:
                    below = tops[row] + heights[row] + 11
                    drawn.append(
                        arrow(
                            [
                                (start - 20, below - 11),
                                (start - 20, below),
                                (turn, below),
                                (turn, arrival),
                                (end, arrival),
                            ]
                        )
                    )
                    drawn.append(text(start - 12, below - 3, ", ".join(outputs), 9, fill=SOFT))
                else:
                    leaves = tops[source] + 19 + 16 * departures.setdefault(need, 0)
                    departures[need] += 1
                    drawn.append(arrow([(start, leaves), (turn, leaves), (turn, arrival), (end, arrival)]))
                    drawn.append(text(start + 6, leaves - 4, ", ".join(outputs), 9, fill=SOFT))
    height = tops[-1] + heights[-1] + GAP - y
    note = "__main__.py; settings, credentials and the release go into each, arrows are outputs"
    return [*band(y, height, "The program", note), *drawn], height, left[len(levels) - 1] + width / 2


PLATFORM = "one resource for each object of the graph, after those that it needs"

# What happens to a release, by the functions' names.
STEPS = {
    "resolve": "a folder, the cache, or Git at a pinned commit",
    "render": "kustomize, cached by content",
    "slim": "without what nobody would miss",
    "check_served": "no API that the cluster lacks",
    "build": "{rules} rules: what needs what, what is waited for",
    "replace": "no secret that everybody knows",
    "use_bucket": "artifacts in S3, if the stack wants it",
}


def manifests(y: float, target: float) -> tuple[list[str], float]:
    """The steps from a release to what is sent, in a row; from the last one an arrow leads down to x = target."""
    path = "infra/kubeflow/load.py"
    found = {name: home for name, home in (calls(path, "load") | calls(path, "filled")).items() if name in STEPS}
    rules = len(constant("infra/kubeflow/graph/rules/__init__.py", "RULES"))
    space = 22
    width = (WIDTH - 2 * MARGIN - 28 - space * (len(found) - 1)) / len(found)
    lines = {name: wrapped([STEPS[name].format(rules=rules)], width) for name in found}
    height = max(map(height_of, lines.values()))
    drawn = []
    for number, (name, home) in enumerate(found.items()):
        x = MARGIN + 14 + number * (width + space)
        drawn += card(x, y + 38, width, height, name, home.removeprefix("infra/"), lines[name], SAND)
        if number:
            drawn.append(arrow([(x - space, y + 57), (x - 2, y + 57)]))
    bottom = y + height + 52
    drawn.append(arrow([(target, y + 38 + height), (target, bottom + 2 * GAP + 42 - 2)]))
    return [
        *band(y, height + 52, "From a release to an order", "every object is sent once, when what it needs is ready"),
        *drawn,
    ], height + 52


def ground(y: float) -> tuple[list[str], float]:
    """What a stack stands on: AWS at the left, the laptop at the right."""
    packages = ", ".join(constant("localcloud/laptop.py", "PACKAGES"))
    plane = ", ".join(constant("localcloud/plane/components.py", "COMPONENTS"))
    width = (WIDTH - 2 * MARGIN - 28 - GAP) / 2
    panels = {
        "A stack on AWS": [
            f"Providers: the official plugins {packages}",
            "Cluster: EKS, or one that exists",
            "AWS: the account of your credentials",
            "State: where PULUMI_BACKEND_URL or `pulumi login` says, else files of the checkout, with a journal",
        ],
        "The stack local": [
            f"Providers: {packages}; localcloud/ serves what cannot be had, and eks always",
            f"Cluster: {plane}",
            "AWS: MiniStack, and a record of what it lacks",
            "State: files of the checkout, with a journal",
        ],
    }
    notes = ["your own account", "this machine, loopback only"]
    lines = [wrapped(told, width) for told in panels.values()]
    height = max(map(height_of, lines))
    drawn: list[str] = []
    for number, title in enumerate(panels):
        x = MARGIN + 14 + number * (width + GAP)
        drawn += card(x, y + 38, width, height, title, notes[number], lines[number], GREY)
    return [*band(y, height + 52, "What it runs on", "the same program, graph and engine"), *drawn], height + 52


def picture() -> str:
    """The whole drawing."""
    commands = [f"make {name}" for name in constant("ops/__main__.py", "COMMANDS")]
    y = float(MARGIN)
    note = "each is a command of ops/; `up`, `preview` and `destroy` drive the Pulumi engine, which runs the program"
    drawn = [*band(y, 78, "What you type", note), *chips(MARGIN + 14, y + 38, commands, GREY)]
    y += 78 + 2 * GAP
    platform = program(0)[2]
    drawn.append(arrow([(WIDTH / 2, y - 2 * GAP), (WIDTH / 2, y - 2)]))
    parts, height = manifests(y, platform)
    y += height + 2 * GAP
    inner, tall, _ = program(y)
    drawn += [*inner, *parts]
    y += tall + 2 * GAP
    drawn.append(arrow([(WIDTH / 2, y - 2 * GAP), (WIDTH / 2, y - 2)]))
    parts, height = ground(y)
    drawn += parts
    y += height + MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y:g}" width="{WIDTH}" height="{y:g}" '
        'font-family="Helvetica, Arial, sans-serif">\n<title>Kubeflow on Pulumi: how it is built</title>\n'
        f'<defs><marker id="to" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 L8 4 L0 8 z" fill="{SOFT}"/></marker></defs>\n<rect width="100%" height="100%" fill="#fafbfc"/>'
    )
    return "\n".join([head, *drawn, "</svg>"])


if __name__ == "__main__":
    print(picture())
