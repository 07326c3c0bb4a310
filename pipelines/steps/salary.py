"""The steps of the reference workload: a salary, predicted from months of experience by linear regression."""

from kfp import dsl

from pipelines.sdk import step
from pipelines.steps.shared import explain_s3, parse_csv, read_bytes, s3_client, split_s3_uri, write_bytes

S3_HELPERS = (split_s3_uri, s3_client, explain_s3)


@step(*S3_HELPERS, read_bytes, parse_csv)
def load(source: str, feature: str, target: str, dataset: dsl.Output[dsl.Dataset]) -> None:
    """Load a CSV from a path or an s3:// URI, and check that both columns are there and hold numbers.

    Args:
        source: Path or s3:// URI of a CSV with a header line.
        feature: Column to predict from.
        target: Column to predict.
        dataset: The two columns as numbers, in the order of the file.
    """
    import numpy as np
    import pandas as pd

    table = parse_csv(read_bytes(source), source)
    missing = [column for column in (feature, target) if column not in table.columns]
    if missing:
        raise ValueError(f"{source!r} has no column {', '.join(missing)}; its columns are {', '.join(table.columns)}.")
    for column in (feature, target):
        numbers = pd.to_numeric(table[column], errors="coerce")
        bad = table[~np.isfinite(numbers.astype(float))]
        if len(bad):
            cell = bad[column].iloc[0]
            what = "empty" if pd.isna(cell) else f"{cell!r}, which is not a number"
            raise ValueError(f"Row {bad.index[0] + 1} of {source!r} has {column} {what}.")
        table[column] = numbers
    table[[feature, target]].to_csv(dataset.path, index=False)
    dataset.metadata["rows"] = len(table)
    dataset.metadata["source"] = source


@step()
def split(
    dataset: dsl.Input[dsl.Dataset],
    test_share: float,
    seed: int,
    train_set: dsl.Output[dsl.Dataset],
    test_set: dsl.Output[dsl.Dataset],
) -> None:
    """Split rows at random into a set to train on and a set to test with.

    Args:
        dataset: Table to split.
        test_share: Share of the rows to test with, between 0 and 1.
        seed: Seed of the random order: the same seed gives the same split.
        train_set: Rows to train on.
        test_set: Rows to test with.
    """
    import math

    import pandas as pd
    from sklearn.model_selection import train_test_split

    if not 0 < test_share < 1:
        raise ValueError(f"test_share is {test_share}; it must be between 0 and 1.")
    table = pd.read_csv(dataset.path)
    test_rows = math.ceil(len(table) * test_share)
    # A line needs two points, and R2 is not defined for fewer than two.
    if test_rows < 2 or len(table) - test_rows < 2:
        source = dataset.metadata.get("source", dataset.path)
        rows = f"{len(table)} row" + "s" * (len(table) != 1)
        raise ValueError(f"{source!r} has {rows}; at least 2 to train on and 2 to test with are needed.")
    train, test = train_test_split(table, test_size=test_share, random_state=seed)
    train.to_csv(train_set.path, index=False)
    test.to_csv(test_set.path, index=False)


@step()
def train(train_set: dsl.Input[dsl.Dataset], feature: str, target: str, model: dsl.Output[dsl.Model]) -> None:
    """Fit a straight line through the rows.

    Args:
        train_set: Rows to train on.
        feature: Column to predict from.
        target: Column to predict.
        model: The fitted LinearRegression, as joblib writes it; slope and intercept are in its metadata.
    """
    import joblib  # type: ignore[import-untyped]
    import pandas as pd
    import sklearn
    from sklearn.linear_model import LinearRegression

    table = pd.read_csv(train_set.path)
    regression = LinearRegression().fit(table[[feature]], table[target])
    joblib.dump(regression, model.path)
    model.metadata["framework"] = f"scikit-learn {sklearn.__version__}"
    model.metadata["slope"] = float(regression.coef_[0])
    model.metadata["intercept"] = float(regression.intercept_)


@step()
def evaluate(
    test_set: dsl.Input[dsl.Dataset],
    model: dsl.Input[dsl.Model],
    feature: str,
    target: str,
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Compare predictions with the truth on rows that the model has not seen.

    Args:
        test_set: Rows to test with.
        model: Fitted model.
        feature: Column to predict from.
        target: Column to predict.
        metrics: `MAE` and `RMSE` in the target's unit, and `R2`.
    """
    import joblib
    import pandas as pd
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    table = pd.read_csv(test_set.path)
    predicted = joblib.load(model.path).predict(table[[feature]])
    metrics.log_metric("MAE", float(mean_absolute_error(table[target], predicted)))
    metrics.log_metric("RMSE", float(root_mean_squared_error(table[target], predicted)))
    metrics.log_metric("R2", float(r2_score(table[target], predicted)))


@step()
def predict(model: dsl.Input[dsl.Model], feature: str, value: float) -> float:
    """Predict for one value.

    Args:
        model: Fitted model.
        feature: Column that the value belongs to.
        value: Value to predict from.

    Returns:
        The prediction, in the target's unit.
    """
    import joblib
    import pandas as pd

    return float(joblib.load(model.path).predict(pd.DataFrame({feature: [value]}))[0])


@step(*S3_HELPERS, write_bytes)
def publish(model: dsl.Input[dsl.Model], destination: str) -> None:
    """Put the model where others fetch it, all at once.

    Args:
        model: Fitted model.
        destination: Path or s3:// URI to write to.
    """
    with open(model.path, "rb") as file:
        write_bytes(destination, file.read())
