"""The steps as plain functions: what they hand on, and what they say of data that they cannot use."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
import pytest
from kfp import dsl
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.model_selection import train_test_split

from pipelines.steps import archive, salary, sequence
from pipelines.steps.shared import read_bytes, split_s3_uri, write_bytes

MONTHS, SALARY = "management_experience_months", "monthly_salary"
HEADER = f"last_name,{MONTHS},{SALARY}\n"


@pytest.fixture
def table() -> pd.DataFrame:
    """20 rows that no file of the project has."""
    random = np.random.default_rng(7)
    months = random.integers(0, 120, 20)
    return pd.DataFrame({MONTHS: months, SALARY: 2500 + 60 * months + random.normal(0, 200, 20)})


def _artifact(kind: Any, path: Path, **metadata: Any) -> Any:
    return kind(uri=str(path), metadata=metadata)


def _load(path: Path, folder: Path) -> pd.DataFrame:
    dataset = _artifact(dsl.Dataset, folder / "loaded")
    salary.load.python_func(source=str(path), feature=MONTHS, target=SALARY, dataset=dataset)
    return pd.read_csv(dataset.path)


def _problem(call: Callable[[], Any]) -> str:
    """The one sentence that a step refuses with."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the tests look at the whole sentence)
        call()
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def test_load_keeps_the_two_columns_and_their_order(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    file.write_text(f"{SALARY}, last_name, {MONTHS}\n5000,B,40\n3000.5,A,10\n")
    loaded = _load(file, tmp_path)
    assert loaded.to_dict("list") == {MONTHS: [40, 10], SALARY: [5000, 3000.5]}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "{file!r} is empty; a CSV with a header line is needed."),
        (b" \n\n", "{file!r} is empty; a CSV with a header line is needed."),
        (HEADER.encode(), "{file!r} has a header line and no rows."),
        (b"a,b\n1,2\n", f"{{file!r}} has no column {MONTHS}, {SALARY}; its columns are a, b."),
        (f"{MONTHS},pay\n1,2\n".encode(), f"{{file!r}} has no column {SALARY}; its columns are {MONTHS}, pay."),
        (
            f"{HEADER}A,1,2000\nB,ten,3000\n".encode(),
            f"Row 2 of {{file!r}} has {MONTHS} 'ten', which is not a number.",
        ),
        (f"{HEADER}A,1,inf\n".encode(), f"Row 1 of {{file!r}} has {SALARY} 'inf', which is not a number."),
        (f"{HEADER}A,1,2000\nB,2,\n".encode(), f"Row 2 of {{file!r}} has {SALARY} empty."),
        (b"\xff\xfe\x00\x01", "{file!r} is not text in UTF-8; a CSV is needed."),
    ],
)
def test_load_names_what_is_wrong_with_a_dataset(content: bytes, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    file.write_bytes(content)
    assert _problem(lambda: _load(file, tmp_path)) == sentence.format(file=str(file))
    assert not (tmp_path / "loaded").exists()


def test_load_of_lines_of_different_lengths(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    file.write_text("a,b\n1,2\n1,2,3,4\n")
    assert _problem(lambda: _load(file, tmp_path)).startswith(f"{str(file)!r} is not a CSV: ")


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("nowhere.csv", "'nowhere.csv' cannot be read: No such file or directory."),
        ("/", "'/' cannot be read: Is a directory."),
        ("https://example.com/s.csv", "'https://example.com/s.csv' is neither a path nor an s3:// URI."),
        ("s3://bucket", "'s3://bucket' names no object; write it as s3://BUCKET/KEY."),
        ("s3://bucket/folder/", "'s3://bucket/folder/' names no object; write it as s3://BUCKET/KEY."),
    ],
)
def test_a_source_that_cannot_be_read(source: str, sentence: str) -> None:
    assert _problem(lambda: read_bytes(source)) == sentence


def test_an_s3_uri_has_a_bucket_and_a_key() -> None:
    assert split_s3_uri("s3://bucket/a/b.csv") == ("bucket", "a/b.csv")


def test_what_is_written_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "new" / "model"
    write_bytes(str(target), b"first")
    write_bytes(str(target), b"second")
    assert [(path.name, path.read_bytes()) for path in target.parent.iterdir()] == [("model", b"second")]
    assert "cannot be written" in _problem(lambda: write_bytes(str(target / "below a file"), b"x"))


def test_split_is_the_one_that_scikit_learn_makes(table: pd.DataFrame, tmp_path: Path) -> None:
    table.to_csv(tmp_path / "all", index=False)
    train_set, test_set = _artifact(dsl.Dataset, tmp_path / "train"), _artifact(dsl.Dataset, tmp_path / "test")
    salary.split.python_func(
        dataset=_artifact(dsl.Dataset, tmp_path / "all"), test_share=0.3, seed=0, train_set=train_set, test_set=test_set
    )
    train, test = train_test_split(table, test_size=0.3, random_state=0)
    pd.testing.assert_frame_equal(pd.read_csv(train_set.path), train.reset_index(drop=True))
    pd.testing.assert_frame_equal(pd.read_csv(test_set.path), test.reset_index(drop=True))
    assert (len(train), len(test)) == (14, 6)


@pytest.mark.parametrize(("rows", "words"), [(1, "1 row"), (3, "3 rows")])
def test_too_few_rows_to_split(rows: int, words: str, table: pd.DataFrame, tmp_path: Path) -> None:
    table.head(rows).to_csv(tmp_path / "all", index=False)
    dataset = _artifact(dsl.Dataset, tmp_path / "all", source="s3://bucket/s.csv")
    sentence = _problem(
        lambda: salary.split.python_func(
            dataset=dataset,
            test_share=0.3,
            seed=0,
            train_set=_artifact(dsl.Dataset, tmp_path / "train"),
            test_set=_artifact(dsl.Dataset, tmp_path / "test"),
        )
    )
    assert sentence == f"'s3://bucket/s.csv' has {words}; at least 2 to train on and 2 to test with are needed."


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, 30.0])
def test_a_share_that_is_none(share: float, table: pd.DataFrame, tmp_path: Path) -> None:
    table.to_csv(tmp_path / "all", index=False)
    part = _artifact(dsl.Dataset, tmp_path / "part")
    dataset = _artifact(dsl.Dataset, tmp_path / "all")
    assert f"test_share is {share}" in _problem(
        lambda: salary.split.python_func(dataset=dataset, test_share=share, seed=0, train_set=part, test_set=part)
    )


def test_train_evaluate_and_predict_agree_with_scikit_learn(table: pd.DataFrame, tmp_path: Path) -> None:
    train, test = table.iloc[:14], table.iloc[14:]
    train.to_csv(tmp_path / "train", index=False)
    test.to_csv(tmp_path / "test", index=False)
    model, metrics = _artifact(dsl.Model, tmp_path / "model"), _artifact(dsl.Metrics, tmp_path / "metrics")
    names = {"feature": MONTHS, "target": SALARY}
    salary.train.python_func(train_set=_artifact(dsl.Dataset, tmp_path / "train"), model=model, **names)
    salary.evaluate.python_func(
        test_set=_artifact(dsl.Dataset, tmp_path / "test"), model=model, metrics=metrics, **names
    )

    expected = LinearRegression().fit(train[[MONTHS]], train[SALARY])
    predicted = expected.predict(test[[MONTHS]])
    assert metrics.metadata == pytest.approx(
        {
            "MAE": mean_absolute_error(test[SALARY], predicted),
            "RMSE": root_mean_squared_error(test[SALARY], predicted),
            "R2": r2_score(test[SALARY], predicted),
        }
    )
    assert salary.predict.python_func(model=model, feature=MONTHS, value=42.0) == pytest.approx(
        expected.intercept_ + 42 * expected.coef_[0]
    )
    assert model.metadata["slope"] == pytest.approx(expected.coef_[0])


def test_a_published_model_is_the_trained_one(tmp_path: Path) -> None:
    joblib.dump(LinearRegression().fit([[0], [1]], [1, 3]), tmp_path / "model")
    salary.publish.python_func(model=_artifact(dsl.Model, tmp_path / "model"), destination=str(tmp_path / "out" / "m"))
    assert joblib.load(tmp_path / "out" / "m").predict([[10]])[0] == pytest.approx(21)


def _zip(**members: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return packed.getvalue()


def _unzip(content: bytes, folder: Path) -> str:
    (folder / "in.zip").write_bytes(content)
    fetched, dataset = _artifact(dsl.Artifact, folder / "fetched"), _artifact(dsl.Dataset, folder / "unzipped")
    archive.download.python_func(source=str(folder / "in.zip"), archive=fetched)
    archive.unzip.python_func(archive=fetched, dataset=dataset)
    return Path(dataset.path).read_text()


def test_unzip_finds_the_csv_among_other_things(tmp_path: Path) -> None:
    members = {"README.md": "x", "data/Salaries.CSV": "a\n1\n", "__MACOSX/._Salaries.CSV": "junk"}
    assert _unzip(_zip(**members), tmp_path) == "a\n1\n"


def test_a_zip_that_unpacks_to_a_gigabyte_stops_there(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file, file.open("a.csv", "w") as member:
        for _ in range(1025):
            member.write(bytes(1 << 20))
    assert len(packed.getvalue()) < 2 << 20
    assert _problem(lambda: _unzip(packed.getvalue(), tmp_path)).endswith("is larger than 1 GiB unpacked; split it.")
    # Nothing beyond the limit was written.
    assert (tmp_path / "unzipped").stat().st_size <= 1 << 30


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty; a zip is needed."),
        (b"a,b\n1,2\n", "is not a zip, or is damaged"),
        (_zip(**{"a.csv": "a\n1\n"})[:40], "is not a zip, or is damaged"),
        (_zip(**{"notes.txt": "x"}), "holds no CSV: notes.txt; a zip with one CSV is needed."),
        (_zip(), "holds no CSV: nothing; a zip with one CSV is needed."),
        (_zip(**{"a.csv": "x", "b.csv": "y"}), "holds more than one CSV: a.csv, b.csv; a zip with one CSV is needed."),
    ],
    # A zip has the time in it, and a test's name must be the same in every process.
    ids=["nothing", "text", "half a zip", "no CSV", "an empty zip", "two CSVs"],
)
def test_unzip_names_what_is_wrong_with_a_zip(content: bytes, words: str, tmp_path: Path) -> None:
    sentence = _problem(lambda: _unzip(content, tmp_path))
    assert sentence.startswith(f"{str(tmp_path / 'in.zip')!r} ")
    assert words in sentence


def test_unzip_of_damaged_content(tmp_path: Path) -> None:
    content = bytearray(_zip(**{"a.csv": "a,b\n" + "1,2\n" * 50}))
    content[60] ^= 0xFF
    assert "is not a zip, or is damaged" in _problem(lambda: _unzip(bytes(content), tmp_path))


def test_unzip_of_a_zip_with_a_password(tmp_path: Path) -> None:
    content = bytearray(_zip(**{"a.csv": "a\n1\n"}))
    # The flag "encrypted", in the member's own header and in the directory at the end.
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(header) + flags] |= 1
    assert _problem(lambda: _unzip(bytes(content), tmp_path)).endswith(
        "is encrypted; a zip without a password is needed."
    )


def test_summarise_counts_and_averages_columns_of_numbers(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("name,age,size\nA,30,1.5\nB,50,x\n")
    metrics = _artifact(dsl.Metrics, tmp_path / "metrics")
    header = archive.summarise.python_func(dataset=_artifact(dsl.Dataset, tmp_path / "s.csv"), metrics=metrics)
    assert header == "name, age, size"
    assert metrics.metadata == {"rows": 2, "columns": 3, "mean age": 40}


def test_summarise_of_an_empty_table(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("")
    dataset = _artifact(dsl.Dataset, tmp_path / "s.csv", source="a.csv in s3://bucket/a.zip")
    metrics = _artifact(dsl.Metrics, tmp_path / "metrics")
    assert _problem(lambda: archive.summarise.python_func(dataset=dataset, metrics=metrics)) == (
        "'a.csv in s3://bucket/a.zip' is empty; a CSV with a header line is needed."
    )


def test_the_same_seed_draws_the_same_numbers(tmp_path: Path) -> None:
    sample = _artifact(dsl.Dataset, tmp_path / "sample")
    sequence.draw.python_func(count=5, seed=3, sample=sample)
    values = np.random.default_rng(3).standard_normal(5)
    np.testing.assert_allclose(pd.read_csv(sample.path)["value"], values)
    assert sequence.average.python_func(sample=sample) == pytest.approx(values.mean())


@pytest.mark.parametrize(("count", "seed", "words"), [(0, 0, "count is 0"), (1, -1, "seed is -1")])
def test_numbers_that_cannot_be_drawn(count: int, seed: int, words: str, tmp_path: Path) -> None:
    sample = _artifact(dsl.Dataset, tmp_path / "sample")
    assert words in _problem(lambda: sequence.draw.python_func(count=count, seed=seed, sample=sample))
