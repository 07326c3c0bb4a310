"""Learning and judging: train, evaluate, approve."""

from kfp import dsl

from pipelines.sdk import step
from pipelines.steps.complaints.data import S3
from pipelines.steps.reports import in_production, write_report
from pipelines.steps.shared import is_there, read_bytes, write_bytes


@step(*S3, write_bytes)
def train(
    train_set: dsl.Input[dsl.Dataset],
    epochs: int,
    seed: int,
    board: str,
    model: dsl.Output[dsl.Model],
    logs: dsl.Output[dsl.Artifact],
) -> None:
    """Learn the product from the text, epoch by epoch, and write event files for TensorBoard.

    Args:
        train_set: Rows to train on.
        epochs: How often all rows are seen.
        seed: Seed of the order of the rows: the same seed gives the same model.
        board: Path or s3:// prefix where TensorBoard looks, which gets a copy of the event files; none when empty.
        model: The fitted classifier of texts, as joblib writes it.
        logs: Folder with event files; its metadata has the learning curves, too.
    """
    import os
    import time
    from pathlib import Path

    import joblib  # type: ignore[import-untyped]
    import numpy as np
    import pandas as pd
    import sklearn
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.linear_model import SGDClassifier
    from sklearn.metrics import log_loss
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import Pipeline
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    if epochs < 1:
        raise ValueError(f"epochs is {epochs}; it must be 1 or more.")
    table = pd.read_csv(train_set.path, dtype=str, keep_default_na=False)
    classes = sorted(table["product"].unique())
    learn, watch = train_test_split(table, test_size=0.2, random_state=seed, stratify=table["product"])
    words = HashingVectorizer(n_features=2**12, alternate_sign=False)
    classifier = SGDClassifier(loss="log_loss", alpha=1e-4, random_state=seed)
    order = np.random.default_rng(seed)
    curves: dict[str, list[float]] = {"train loss": [], "validation loss": []}
    os.makedirs(logs.path, exist_ok=True)
    writer = EventFileWriter(logs.path)
    parts = {"train": learn, "validation": watch}
    for epoch in range(1, epochs + 1):
        shuffled = learn.iloc[order.permutation(len(learn))]
        classifier.partial_fit(words.transform(shuffled["text"]), shuffled["product"], classes=classes)
        for name, part in parts.items():
            loss = float(
                log_loss(part["product"], classifier.predict_proba(words.transform(part["text"])), labels=classes)
            )
            curves[f"{name} loss"].append(loss)
            summary = Summary(value=[Summary.Value(tag=f"loss/{name}", simple_value=loss)])
            writer.add_event(Event(wall_time=time.time(), step=epoch, summary=summary))
    writer.close()
    if board:
        for file in Path(logs.path).iterdir():
            write_bytes(f"{board.rstrip('/')}/{file.name}", file.read_bytes())
    joblib.dump(Pipeline([("words", words), ("classifier", classifier)]), model.path)
    model.metadata["framework"] = f"scikit-learn {sklearn.__version__}"
    model.metadata["classes"] = classes
    logs.metadata["curves"] = curves


@step(*S3, in_production, write_report)
def evaluate(
    test_set: dsl.Input[dsl.Dataset],
    model: dsl.Input[dsl.Model],
    models: str,
    least: float,
    metrics: dsl.Output[dsl.Metrics],
    confusion: dsl.Output[dsl.ClassificationMetrics],
    report: dsl.Output[dsl.HTML],
) -> bool:
    """Judge the model on rows that it has not seen, in all and by channel, and against the model in production.

    Args:
        test_set: Rows to test with.
        model: Fitted classifier.
        models: Folder or s3:// prefix of the models.
        least: The accuracy that a model needs at least.
        metrics: `accuracy`, `macro F1`, `accuracy of CHANNEL`, and `accuracy in production` where there is a model.
        confusion: Which product was taken for which.
        report: All of it, to look at.

    Returns:
        Whether the model is blessed: good enough, and better than the one in production.
    """
    import io

    import joblib
    import pandas as pd
    from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

    table = pd.read_csv(test_set.path, dtype=str, keep_default_na=False)
    truth = table["product"]
    table["predicted"] = joblib.load(model.path).predict(table["text"])
    accuracy = float(accuracy_score(truth, table["predicted"]))
    found = {"accuracy": accuracy, "macro F1": float(f1_score(truth, table["predicted"], average="macro"))}
    for channel, part in table.groupby("channel"):
        found[f"accuracy of {channel}"] = float(accuracy_score(part["product"], part["predicted"]))
    production = in_production(models)
    if production:
        served = joblib.load(io.BytesIO(read_bytes(f"{production['uri']}model.joblib")))
        found["accuracy in production"] = float(accuracy_score(truth, served.predict(table["text"])))
    blessed = accuracy >= least and accuracy > found.get("accuracy in production", -1.0)
    for name, value in found.items():
        metrics.log_metric(name, value)
    classes = sorted(set(truth) | set(table["predicted"]))
    matrix = confusion_matrix(truth, table["predicted"], labels=classes).tolist()
    confusion.log_confusion_matrix(classes, matrix)
    rows = [["measure", "value"], *([name, f"{value:.4f}"] for name, value in found.items())]
    table_rows = [["true \\ predicted", *classes], *([name, *row] for name, row in zip(classes, matrix, strict=True))]
    verdict = "Blessed: better than what is in production." if blessed else "Not blessed: it is not pushed."
    write_report(report.path, "Evaluation", {"Verdict": verdict, "Measures": rows, "Confusion": table_rows})
    return blessed


@step(*S3)
def approve(approval: str, minutes: float) -> None:
    """Wait for a person's word, where one is asked for: a file that says yes or no.

    Args:
        approval: Path or s3:// URI of the file; nobody is asked when it is empty.
        minutes: How long to wait.
    """
    import time

    end = time.monotonic() + 60 * minutes
    while approval:
        said = read_bytes(approval).decode().strip().lower() if is_there(approval) else ""
        if said == "yes":
            return
        if said:
            raise ValueError(f"{approval!r} says {said[:40]!r}, which is not yes; the model is not pushed.")
        if time.monotonic() > end:
            raise ValueError(f"Nobody wrote yes into {approval!r} within {minutes:g} minutes; the model is not pushed.")
        time.sleep(min(10.0, 6 * minutes))
