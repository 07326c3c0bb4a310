"""How fast a cost grows."""

import math
from collections.abc import Mapping


def exponent(costs: Mapping[int, float]) -> float:
    """The least-squares slope of log(cost) over log(size): 1 is linear, 2 quadratic. Two sizes or more."""
    points = [(math.log(size), math.log(cost)) for size, cost in costs.items()]
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    rise = sum((x - middle_x) * (y - middle_y) for x, y in points)
    return round(rise / sum((x - middle_x) ** 2 for x, _ in points), 2)
