"""The steps that take a CSV out of a zip and look at it."""

from kfp import dsl

from pipelines.sdk import step
from pipelines.steps.shared import explain_s3, parse_csv, read_bytes, s3_client, split_s3_uri


@step(split_s3_uri, s3_client, explain_s3, read_bytes)
def download(source: str, archive: dsl.Output[dsl.Artifact]) -> None:
    """Fetch a file from a path or an s3:// URI.

    Args:
        source: Path or s3:// URI of the file.
        archive: The file, as it is.
    """
    content = read_bytes(source)
    if not content:
        raise ValueError(f"{source!r} is empty; a zip is needed.")
    with open(archive.path, "wb") as file:
        file.write(content)
    archive.metadata["source"] = source


@step()
def unzip(archive: dsl.Input[dsl.Artifact], dataset: dsl.Output[dsl.Dataset]) -> None:
    """Take the one CSV out of a zip.

    Args:
        archive: Zip that holds one CSV, in whatever folder.
        dataset: The CSV.
    """
    import zipfile
    import zlib

    source = archive.metadata.get("source", archive.path)
    try:
        with zipfile.ZipFile(archive.path) as file:
            names = [
                name for name in file.namelist() if name.lower().endswith(".csv") and not name.startswith("__MACOSX/")
            ]
            if len(names) != 1:
                found = ", ".join(names if names else file.namelist()[:5]) or "nothing"
                many = "more than one" if names else "no"
                raise ValueError(f"{source!r} holds {many} CSV: {found}; a zip with one CSV is needed.")
            with file.open(names[0]) as member, open(dataset.path, "wb") as target:
                # What a zip says of its sizes may be wrong, so what comes out is counted.
                room = 1 << 30
                while chunk := member.read(1 << 20):
                    room -= len(chunk)
                    if room < 0:
                        raise ValueError(f"{names[0]} in {source!r} is larger than 1 GiB unpacked; split it.")
                    target.write(chunk)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(f"{source!r} is not a zip, or is damaged: {error}.") from None
    except NotImplementedError as error:
        raise ValueError(f"{source!r} is packed in a way that cannot be read: {error}.") from None
    except RuntimeError:
        raise ValueError(f"{source!r} is encrypted; a zip without a password is needed.") from None
    dataset.metadata["source"] = f"{names[0]} in {source}"


@step(parse_csv)
def summarise(dataset: dsl.Input[dsl.Dataset], metrics: dsl.Output[dsl.Metrics]) -> str:
    """Count a table's rows and columns, and give the mean of every column that holds numbers only.

    Args:
        dataset: CSV with a header line.
        metrics: `rows`, `columns`, and `mean COLUMN` for every column of numbers.

    Returns:
        The columns' names, in order.
    """
    import pandas as pd

    with open(dataset.path, "rb") as file:
        table = parse_csv(file.read(), dataset.metadata.get("source", dataset.path))
    metrics.log_metric("rows", len(table))
    metrics.log_metric("columns", len(table.columns))
    for column in table.columns:
        numbers = pd.to_numeric(table[column], errors="coerce")
        if numbers.notna().all():
            metrics.log_metric(f"mean {column}", float(numbers.mean()))
    return ", ".join(table.columns)
