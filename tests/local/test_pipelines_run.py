"""Pipelines run for real on this machine: every step in a process of its own, on the S3 of the AWS emulator."""

import io
import json
import tempfile
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import joblib  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.model_selection import train_test_split

from localcloud import emulator
from pipelines.__main__ import main
from pipelines.stack import Context
from tests.local.stack import aws_client

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "ada-artifacts"
MONTHS, SALARY = "management_experience_months", "monthly_salary"
SAMPLE = Path(__file__).resolve().parents[2] / "pipelines" / "samples" / "salaries.csv"
MODEL_KEY = "shared/models/salary.joblib"


@dataclass(frozen=True)
class Cloud:
    """An account on this machine, its S3, and a stack whose outputs name its bucket."""

    account: dict[str, str]
    s3: "S3Client"
    context: Context

    def keys(self) -> set[str]:
        """The names of everything in the bucket."""
        return {item["Key"] for item in self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])}

    def read(self, key: str) -> bytes:
        """What an object of the bucket holds."""
        return self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of AWS's clients, which names no region."""
    root = tmp_path_factory.mktemp("account")
    emulator.start(root)
    try:
        yield emulator.environment(root)
    finally:
        emulator.stop(root)


@pytest.fixture
def cloud(account: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cloud]:
    monkeypatch.setenv("KUBEFLOW_LOCAL_ROOT", str(tmp_path))
    environment = dict(account)
    s3 = aws_client("s3", account, "us-east-1")
    s3.create_bucket(Bucket=BUCKET)
    context = Context(outputs=lambda stack: {"bucket": BUCKET}, environment=lambda stack: environment)
    made = Cloud(account, s3, context)
    yield made
    left = made.keys()
    for key in left:
        s3.delete_object(Bucket=BUCKET, Key=key)
    s3.delete_bucket(Bucket=BUCKET)


def _golden(table: pd.DataFrame, months: float) -> tuple[float, dict[str, float]]:
    """Prediction and metrics, as scikit-learn gives them without any of the project's code."""
    train, test = train_test_split(table[[MONTHS, SALARY]], test_size=0.3, random_state=0)
    model = LinearRegression().fit(train[[MONTHS]], train[SALARY])
    predicted = model.predict(test[[MONTHS]])
    metrics = {
        "MAE": float(mean_absolute_error(test[SALARY], predicted)),
        "RMSE": float(root_mean_squared_error(test[SALARY], predicted)),
        "R2": float(r2_score(test[SALARY], predicted)),
    }
    return float(model.predict(pd.DataFrame({MONTHS: [months]}))[0]), metrics


def _printed(out: str) -> dict[str, str]:
    """What the command printed as `name  value` lines."""
    return dict(line.split(maxsplit=1) for line in out.splitlines() if len(line.split()) > 1)


def test_the_demo_learns_from_the_bucket_and_leaves_model_and_picture(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--stack", "dev"], cloud.context) == 0

    table = pd.read_csv(SAMPLE)
    assert len(table) == 20
    prediction, metrics = _golden(table, 42)
    out = capsys.readouterr().out
    side_by_side = out.rpartition("\n\n")[2]
    assert "  test_share" in side_by_side
    printed = _printed(out.rpartition("\n\n")[0]) | _printed(out[-600:])
    assert printed["prediction"] == f"{prediction:,.2f}"
    assert printed["MAE"] == f"{metrics['MAE']:,.2f}"
    assert printed["RMSE"] == f"{metrics['RMSE']:,.2f}"
    assert printed["R2"] == f"{metrics['R2']:,.4g}"
    assert printed["model"] == f"s3://{BUCKET}/{MODEL_KEY}"

    assert cloud.keys() == {MODEL_KEY, "shared/datasets/salaries.csv"}
    assert cloud.s3.get_object(Bucket=BUCKET, Key="shared/datasets/salaries.csv")["Body"].read() == SAMPLE.read_bytes()
    stored = joblib.load(io.BytesIO(cloud.s3.get_object(Bucket=BUCKET, Key=MODEL_KEY)["Body"].read()))
    assert stored.predict(pd.DataFrame({MONTHS: [42]}))[0] == pytest.approx(prediction)

    _look_at(Path(printed["plot"]))
    page, picture = (Path(printed[name]) for name in ("lineage", "comparison"))
    assert "s3://ada-artifacts/shared/datasets/salaries.csv" in page.read_text()
    with Image.open(picture) as image:
        assert image.format == "PNG"
    assert main(["runs", "--local"]) == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["succeeded", "succeeded"]


def _look_at(picture: Path) -> None:
    """The picture has the line's blue and the predicted point's red on a white ground."""
    with Image.open(picture) as image:
        assert image.format == "PNG"
        assert image.size == (1600, 1000)
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3).astype(int)
    for colour in ((0x1F, 0x6F, 0xB2), (0xD1, 0x49, 0x5B), (0x7A, 0x86, 0x9A)):
        assert (np.abs(pixels - colour).max(axis=1) < 12).sum() > 500
    assert (pixels == 255).all(axis=1).mean() > 0.8


def test_salary_on_a_dataset_of_ones_own(cloud: Cloud, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(11)
    months = random.integers(0, 200, 50)
    table = pd.DataFrame({"name": "x", MONTHS: months, SALARY: 1000 + 35.5 * months + random.normal(0, 90, 50)})
    cloud.s3.put_object(Bucket=BUCKET, Key="own/data.csv", Body=table.to_csv(index=False).encode())
    given = {"dataset": f"s3://{BUCKET}/own/data.csv", "model": str(tmp_path / "m.joblib"), "months": "60"}
    params = [text for name, value in given.items() for text in ("--param", f"{name}={value}")]

    assert main(["run", "salary", "--local", "--stack", "dev", *params], cloud.context) == 0

    prediction, metrics = _golden(table, 60)
    printed = _printed(capsys.readouterr().out)
    assert printed["prediction"] == f"{prediction:,.2f}"
    assert printed["RMSE"] == f"{metrics['RMSE']:,.2f}"
    assert cloud.keys() == {"own/data.csv"}
    assert joblib.load(tmp_path / "m.joblib").coef_[0] == pytest.approx(35.5, abs=1)


def test_complaints_keep_in_the_bucket_what_is_better_and_data_that_is_as_expected(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["run", "complaints", "--local", "--stack", "dev"]
    assert main(run, cloud.context) == 0
    models = "shared/models/complaints/"
    first = {"shared/datasets/complaints.csv", f"{models}production.json"}
    first |= {f"{models}0001/{name}" for name in ("model.joblib", "schema.json", "statistics.json")}
    assert cloud.keys() == first
    assert json.loads(cloud.read(f"{models}production.json"))["version"] == 1
    capsys.readouterr()

    assert main(run, cloud.context) == 0
    out = capsys.readouterr().out
    assert "accuracy in production" in out
    assert "push " not in out, "it is no better than itself"
    assert cloud.keys() == first

    table = pd.read_csv(io.BytesIO(cloud.read("shared/datasets/complaints.csv")))
    broken = table.drop(columns="channel").to_csv(index=False)
    cloud.s3.put_object(Bucket=BUCKET, Key="own/complaints/day.csv", Body=broken.encode())
    assert main([*run, "--param", f"data=s3://{BUCKET}/own/complaints/"], cloud.context) == 1
    assert capsys.readouterr().err == (
        "error: Step 'accept' of pipeline 'complaints' failed: The data is not as expected: "
        "column channel is missing; look at the report of `validate`.\n"
    )
    assert cloud.keys() == first | {"own/complaints/day.csv"}


def test_unzip_csv_from_the_bucket(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "unzip_csv", "--local", "--stack", "dev"], cloud.context) == 0
    out = capsys.readouterr().out
    assert [line.split()[:2] for line in out.splitlines()[:3]] == [
        ["download", "succeeded"],
        ["unzip", "succeeded"],
        ["summarise", "succeeded"],
    ]
    table = pd.read_csv(SAMPLE)
    printed = _printed(out)
    assert printed["rows"] == "20"
    assert printed["header"] == ", ".join(table.columns)
    assert f"mean {SALARY}" in out
    assert out.split(f"mean {SALARY}")[1].split()[0] == f"{table[SALARY].mean():,.0f}"
    assert cloud.keys() == {"shared/datasets/salaries.zip"}


def test_sequential_without_any_stack(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUBEFLOW_LOCAL_ROOT", str(root := tmp_path / "root"))
    root.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary := tmp_path / "temporary"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    temporary.mkdir()
    assert main(["run", "sequential", "--local", "--param", "count=10", "--param", "seed=5"]) == 0
    assert list(temporary.iterdir()) == [], "a step left what it made for itself"
    mean = np.random.default_rng(5).standard_normal(10).mean()
    assert _printed(capsys.readouterr().out)["result"] == f"{mean:,.4g}"


def test_what_a_person_finds_when_they_look_for_the_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUBEFLOW_LOCAL_ROOT", str(tmp_path))
    assert main(["run", "sequential", "--local"]) == 0
    log = Path(_printed(capsys.readouterr().out)["log"]).read_text()
    assert "Executing task 'draw'" in log
    assert "pip install" not in log
    assert "\x1b" not in log


def _salary(cloud: Cloud, key: str) -> int:
    dataset = f"dataset=s3://{BUCKET}/{key}"
    return main(["run", "salary", "--local", "--stack", "dev", "--param", dataset], cloud.context)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "Step 'load' of pipeline 'salary' failed: There is no object {uri}; upload it, or name another one."),
        (b"", "Step 'load' of pipeline 'salary' failed: '{uri}' is empty; a CSV with a header line is needed."),
        (
            f"name,{MONTHS}\nA,1\n".encode(),
            f"Step 'load' of pipeline 'salary' failed: '{{uri}}' has no column {SALARY}; "
            f"its columns are name, {MONTHS}.",
        ),
        (
            f"{MONTHS},{SALARY}\n1,plenty\n".encode(),
            f"Step 'load' of pipeline 'salary' failed: Row 1 of '{{uri}}' has {SALARY} 'plenty', "
            "which is not a number.",
        ),
        (
            f"{MONTHS},{SALARY}\n1,2000\n".encode(),
            "Step 'split' of pipeline 'salary' failed: '{uri}' has 1 row; "
            "at least 2 to train on and 2 to test with are needed.",
        ),
    ],
)
def test_a_dataset_that_cannot_be_used_leaves_no_model(
    content: bytes | None, sentence: str, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    before = set()
    if content is not None:
        cloud.s3.put_object(Bucket=BUCKET, Key="own/data.csv", Body=content)
        before = {"own/data.csv"}
    assert _salary(cloud, "own/data.csv") == 1
    assert capsys.readouterr().err == f"error: {sentence.format(uri=f's3://{BUCKET}/own/data.csv')}\n"
    assert cloud.keys() == before


def test_a_failure_after_training_leaves_the_model_of_before(
    cloud: Cloud, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The bucket's model is replaced by a whole new one or not at all."""
    cloud.s3.put_object(Bucket=BUCKET, Key=MODEL_KEY, Body=b"the model of before")
    cloud.s3.put_object(Bucket=BUCKET, Key="own/data.csv", Body=SAMPLE.read_bytes())
    _allow(cloud, ["s3:GetObject"])
    assert _salary(cloud, "own/data.csv") == 1
    assert capsys.readouterr().err == (
        f"error: Step 'publish' of pipeline 'salary' failed: S3 refuses s3:PutObject on s3://{BUCKET}/{MODEL_KEY} "
        "(AccessDenied); grant it to the role that this step runs as.\n"
    )
    assert cloud.read(MODEL_KEY) == b"the model of before"


def test_no_permission_to_read(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.s3.put_object(Bucket=BUCKET, Key="own/data.csv", Body=SAMPLE.read_bytes())
    _allow(cloud, ["s3:PutObject"])
    assert _salary(cloud, "own/data.csv") == 1
    assert "S3 refuses s3:GetObject on s3://ada-artifacts/own/data.csv (AccessDenied)" in capsys.readouterr().err
    assert cloud.keys() == {"own/data.csv"}


def test_no_permission_to_put_the_sample(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    _allow(cloud, ["s3:GetObject"])
    assert main(["run", "salary", "--local", "--stack", "dev"], cloud.context) == 1
    assert capsys.readouterr().err.startswith(
        "error: The sample for 'dataset' cannot be put in its place: S3 refuses s3:PutObject on "
        f"s3://{BUCKET}/shared/datasets/salaries.csv"
    )
    assert cloud.keys() == set()


def _allow(cloud: Cloud, actions: list[str]) -> None:
    """From here on the stack's credentials are a user's that may do only this in the bucket."""
    iam, name = aws_client("iam", cloud.account), f"runner-{uuid.uuid4().hex}"
    iam.create_user(UserName=name)
    statement = {"Effect": "Allow", "Action": actions, "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    iam.put_user_policy(UserName=name, PolicyName="s3", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    environment = cloud.context.environment("dev")
    assert isinstance(environment, dict)
    environment |= {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


def test_a_zip_without_a_csv(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("notes.txt", "nothing here")
    cloud.s3.put_object(Bucket=BUCKET, Key="own/notes.zip", Body=packed.getvalue())
    uri = f"s3://{BUCKET}/own/notes.zip"
    command = ["run", "unzip_csv", "--local", "--stack", "dev", "--param", f"archive_file={uri}"]
    assert main(command, cloud.context) == 1
    assert capsys.readouterr().err == (
        f"error: Step 'unzip' of pipeline 'unzip-csv' failed: '{uri}' holds no CSV: notes.txt; "
        "a zip with one CSV is needed.\n"
    )
