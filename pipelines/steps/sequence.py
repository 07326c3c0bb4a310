"""Two steps, one after the other: the smallest pipeline in which a step uses what another made."""

from kfp import dsl

from pipelines.sdk import step


@step()
def draw(count: int, seed: int, sample: dsl.Output[dsl.Dataset]) -> None:
    """Draw numbers from the standard normal distribution.

    Args:
        count: How many numbers to draw; 1 or more.
        seed: Seed of the generator: the same seed gives the same numbers.
        sample: The numbers, one a line, under the header `value`.
    """
    import numpy as np
    import pandas as pd

    if count < 1:
        raise ValueError(f"count is {count}; it must be 1 or more.")
    if seed < 0:
        raise ValueError(f"seed is {seed}; it must be 0 or more.")
    values = np.random.default_rng(seed).standard_normal(count)
    pd.DataFrame({"value": values}).to_csv(sample.path, index=False)


@step()
def average(sample: dsl.Input[dsl.Dataset]) -> float:
    """The mean of the numbers.

    Args:
        sample: Numbers under the header `value`.

    Returns:
        Their mean.
    """
    import pandas as pd

    return float(pd.read_csv(sample.path)["value"].mean())
