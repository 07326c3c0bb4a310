"""Raw complaints to sets to learn from: ingest, statistics, schema, validate, accept, transform."""

from typing import Any

from kfp import dsl

from pipelines.sdk import step
from pipelines.steps.reports import in_production, write_report
from pipelines.steps.shared import explain_s3, is_there, parse_csv, read_bytes, s3_client, split_s3_uri

S3 = (split_s3_uri, s3_client, explain_s3, is_there, read_bytes)


@step(*S3, parse_csv)
def ingest(source: str, dataset: dsl.Output[dsl.Dataset]) -> None:
    """Read a CSV, or all of them under an s3:// prefix or in a folder, into one table.

    Args:
        source: Path or s3:// URI of a CSV, or of a folder or prefix that ends with a slash.
        dataset: All rows; columns as the first file has them.
    """
    from pathlib import Path

    import pandas as pd
    from botocore.exceptions import BotoCoreError, ClientError

    names = [source]
    if source.startswith("s3://") and source.endswith("/"):
        bucket, _, prefix = source.removeprefix("s3://").partition("/")
        try:
            pages = s3_client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        except (BotoCoreError, ClientError) as error:
            raise explain_s3(error, source, "s3:ListBucket") from None
        names = sorted(f"s3://{bucket}/{key}" for key in keys if key.endswith(".csv"))
    elif source.endswith("/"):
        names = sorted(str(file) for file in Path(source).glob("*.csv"))
    if not names:
        raise ValueError(f"There is no CSV under {source!r}; name a prefix that holds some.")
    tables = [parse_csv(read_bytes(name), name) for name in names]
    for name, table in zip(names, tables, strict=True):
        if list(table.columns) != list(tables[0].columns):
            raise ValueError(f"{name!r} has other columns than {names[0]!r}; put files of one kind under one prefix.")
    whole = pd.concat(tables, ignore_index=True)
    whole.to_csv(dataset.path, index=False)
    dataset.metadata["source"] = source
    dataset.metadata["files"] = len(names)
    dataset.metadata["rows"] = len(whole)


@step(write_report)
def statistics(
    dataset: dsl.Input[dsl.Dataset], summary: dsl.Output[dsl.Artifact], report: dsl.Output[dsl.HTML]
) -> None:
    """Count what every column holds.

    Args:
        dataset: Table.
        summary: JSON: by column its kind, the share of missing cells, and the shares of the commonest values.
        report: The same, to look at.
    """
    import json

    import pandas as pd

    table = pd.read_csv(dataset.path, dtype=str)
    found: dict[str, Any] = {}
    for name in table.columns:
        cells = table[name].dropna()
        shares = cells.value_counts(normalize=True).sort_index(kind="stable")
        few = shares.size <= 20
        found[name] = {
            "kind": "category" if few else "text",
            "missing": float(table[name].isna().mean()),
            "distinct": int(shares.size),
            "length": float(cells.str.len().mean()) if len(cells) else 0.0,
            "shares": {str(value): float(share) for value, share in shares.items()} if few else {},
        }
    with open(summary.path, "w") as file:
        json.dump({"rows": len(table), "columns": found}, file)
    summary.metadata["rows"] = len(table)
    rows = [["column", "kind", "missing", "distinct values", "mean length"]]
    rows += [
        [name, about["kind"], f"{about['missing']:.1%}", str(about["distinct"]), f"{about['length']:.1f}"]
        for name, about in found.items()
    ]
    values = {
        f"Values of {name}": [
            ["value", "share"],
            *([value, f"{share:.1%}"] for value, share in about["shares"].items()),
        ]
        for name, about in found.items()
        if about["shares"]
    }
    write_report(report.path, "Statistics", {f"{len(table)} rows": rows, **values})


@step(*S3, in_production)
def schema(summary: dsl.Input[dsl.Artifact], models: str, expected: dsl.Output[dsl.Artifact]) -> None:
    """The schema to hold data against: that of the model in production, else one inferred from this data.

    Args:
        summary: Statistics of the data.
        models: Folder or s3:// prefix of the models.
        expected: JSON: by column its kind, values, and greatest share of missing cells.
    """
    import json

    with open(summary.path) as file:
        columns = json.load(file)["columns"]
    production = in_production(models)
    if production:
        content = json.loads(read_bytes(f"{production['uri']}schema.json"))
        expected.metadata["of"] = f"version {production['version']}"
    else:
        content = {
            name: {
                "kind": about["kind"],
                "values": sorted(about["shares"]),
                "missing": round(min(1.0, about["missing"] + 0.05), 3),
            }
            for name, about in columns.items()
        }
        expected.metadata["of"] = "this data"
    with open(expected.path, "w") as file:
        json.dump(content, file)


@step(*S3, in_production, write_report)
def validate(
    summary: dsl.Input[dsl.Artifact],
    expected: dsl.Input[dsl.Artifact],
    models: str,
    drift_limit: float,
    report: dsl.Output[dsl.HTML],
) -> str:
    """Hold data against the schema, and against the data of the model in production.

    Args:
        summary: Statistics of the data.
        expected: Schema.
        models: Folder or s3:// prefix of the models.
        drift_limit: By how much the share of a value may differ from that of before, between 0 and 1.
        report: What was found.

    Returns:
        What is wrong, in one line; empty when nothing is.
    """
    import json

    with open(summary.path) as file:
        columns = json.load(file)["columns"]
    with open(expected.path) as file:
        wanted = json.load(file)
    production = in_production(models)
    before = json.loads(read_bytes(f"{production['uri']}statistics.json"))["columns"] if production else {}
    problems = [f"column {name} is missing" for name in wanted if name not in columns]
    problems += [f"column {name} is new" for name in columns if name not in wanted]
    for name in wanted.keys() & columns.keys():
        about, rule = columns[name], wanted[name]
        if about["kind"] != rule["kind"]:
            problems.append(f"column {name} holds {about['kind']} instead of {rule['kind']}")
            continue
        if about["missing"] > rule["missing"]:
            problems.append(f"column {name} is empty in {about['missing']:.0%}, allowed are {rule['missing']:.0%}")
        strange = sorted(set(about["shares"]) - set(rule["values"])) if rule["values"] else []
        if strange:
            problems.append(f"column {name} has unknown values: {', '.join(strange[:5])}")
        known = before.get(name, {}).get("shares", {})
        for value in sorted(known.keys() | about["shares"].keys() if known else []):
            moved = about["shares"].get(value, 0.0) - known.get(value, 0.0)
            if abs(moved) > drift_limit:
                problems.append(f"column {name} drifted: {value} by {moved:+.0%}, allowed are {drift_limit:.0%}")
    problems.sort()
    against = f"version {production['version']}" if production else "a schema inferred from this data"
    rows = [["problem"], *([problem] for problem in problems)] if problems else "Nothing is wrong."
    write_report(report.path, "Validation", {f"Held against {against}": rows})
    report.metadata["problems"] = len(problems)
    return "; ".join(problems)


@step()
def accept(problems: str) -> None:
    """End the run here when validation found something; its report is kept, for that step has succeeded.

    Args:
        problems: What is wrong with the data.
    """
    if problems:
        raise ValueError(f"The data is not as expected: {problems}; look at the report of `validate`.")


@step()
def transform(
    dataset: dsl.Input[dsl.Dataset],
    test_share: float,
    seed: int,
    train_set: dsl.Output[dsl.Dataset],
    test_set: dsl.Output[dsl.Dataset],
) -> None:
    """Clean the texts, drop what has no text or label, and split at random with the same mix of labels in both parts.

    Args:
        dataset: Table with the columns `text`, `product` (the label) and `channel`.
        test_share: Share of the rows to test with, between 0 and 1.
        seed: Seed of the random order.
        train_set: Rows to train on.
        test_set: Rows to test with.
    """
    import pandas as pd
    from sklearn.model_selection import train_test_split

    if not 0 < test_share < 1:
        raise ValueError(f"test_share is {test_share}; it must be between 0 and 1.")
    table = pd.read_csv(dataset.path, dtype=str)
    missing = [name for name in ("text", "product", "channel") if name not in table.columns]
    if missing:
        raise ValueError(f"The data has no column {', '.join(missing)}; text, product and channel are needed.")
    table = table.dropna(subset=["text", "product"]).fillna({"channel": "unknown"})
    table["text"] = table["text"].str.lower().str.replace(r"[^a-z ]+", " ", regex=True).str.split().str.join(" ")
    rare = sorted(label for label, count in table["product"].value_counts().items() if count < 10)
    if rare or table["product"].nunique() < 2:
        raise ValueError(
            f"Two products with 10 complaints each are needed at least; too rare: {', '.join(rare) or '-'}."
        )
    train, test = train_test_split(table, test_size=test_share, random_state=seed, stratify=table["product"])
    train.to_csv(train_set.path, index=False)
    test.to_csv(test_set.path, index=False)
