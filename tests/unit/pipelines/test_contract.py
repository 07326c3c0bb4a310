"""The server of the tests is held against the API as published, and kfp's own client talks to it."""

import warnings
from typing import Any

import httpx
import kfp
import kfp_server_api
import pytest

from pipelines import source
from pipelines.sdk import Execution
from tests.unit.pipelines import contract
from tests.unit.pipelines.kubeflow_server import NAMESPACE, PASSWORD, USER, Kubeflow


def test_the_published_api_is_the_one_of_the_release() -> None:
    assert kfp_server_api.__version__.startswith("2.16.")


def test_every_operation_of_the_package_is_read() -> None:
    found = {(one.method, one.path) for one in contract.operations()}
    assert ("POST", "/apis/v2beta1/runs/{run_id}:retry") in found
    assert ("POST", "/apis/v2beta1/pipelines/upload_version") in found
    assert len(found) > 30
    listed = contract.find("GET", "/apis/v2beta1/runs")
    assert listed
    assert listed.query == {"namespace", "experiment_id", "page_token", "page_size", "sort_by", "filter"}
    assert listed.answer == "V2beta1ListRunsResponse"
    made = contract.find("POST", "/apis/v2beta1/runs")
    assert made
    assert made.body == "V2beta1Run"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"run_id": "a", "status": "fine"}, ".status is not of V2beta1Run"),
        ({"state": "DONE"}, ".state is 'DONE', which V2beta1RuntimeState does not have"),
        ({"created_at": "yesterday"}, ".created_at is 'yesterday', and must be datetime"),
        ({"run_details": {"task_details": {}}}, ".run_details.task_details is no list"),
        (
            {"run_details": {"task_details": [{"podName": "x"}]}},
            ".run_details.task_details[0].podName is not of V2beta1PipelineTaskDetail",
        ),
        ({"run_id": 7}, ".run_id is 7, and must be str"),
    ],
)
def test_what_the_api_does_not_have_is_found(value: dict[str, Any], problem: str) -> None:
    assert contract.problems("V2beta1Run", value) == [problem]


@pytest.fixture
def client(kubeflow: Kubeflow, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> kfp.Client:
    """kfp's client, with the cookie that a browser would have."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(kfp.Client, "_LOCAL_KFP_CONTEXT", str(tmp_path / "context.json"))
    with httpx.Client(base_url=kubeflow.url, follow_redirects=True) as browser:
        form = browser.get("/oauth2/start", params={"rd": "/pipeline/apis/v2beta1/healthz"})
        browser.post(form.url, data={"login": USER, "password": PASSWORD})
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return kfp.Client(host=f"{kubeflow.url}/pipeline", cookies=cookies, namespace=NAMESPACE)


def test_kfps_own_client_runs_a_pipeline_there(client: Any, kubeflow: Kubeflow, tmp_path: Any) -> None:
    file = tmp_path / "sequential.yaml"
    file.write_text(source.find("sequential").compile(Execution(image="i:1")).yaml())
    experiment = client.create_experiment("mine", namespace=NAMESPACE)
    assert client.get_experiment(experiment_name="mine", namespace=NAMESPACE).experiment_id == experiment.experiment_id
    started = client.create_run_from_pipeline_package(
        str(file), arguments={"count": 3}, run_name="one", experiment_name="mine", namespace=NAMESPACE
    )
    ended = client.wait_for_run_completion(started.run_id, timeout=10, sleep_duration=0)
    assert ended.state == "SUCCEEDED"
    assert [one.display_name for one in client.list_runs(namespace=NAMESPACE, page_size=5).runs] == ["one"]
    client.archive_run(started.run_id)
    assert kubeflow.api.runs[started.run_id]["storage_state"] == "ARCHIVED"


def test_kfps_own_client_schedules_and_uploads_there(client: Any, kubeflow: Kubeflow, tmp_path: Any) -> None:
    file = tmp_path / "sequential.yaml"
    file.write_text(source.find("sequential").compile(Execution(image="i:1")).yaml())
    experiment = client.create_experiment("mine", namespace=NAMESPACE)
    made = client.create_recurring_run(
        experiment.experiment_id, "often", cron_expression="0 0 6 * * *", pipeline_package_path=str(file), params={}
    )
    client.disable_recurring_run(made.recurring_run_id)
    assert [one.status for one in client.list_recurring_runs(namespace=NAMESPACE).recurring_runs] == ["DISABLED"]
    client.delete_recurring_run(made.recurring_run_id)
    assert kubeflow.api.schedules == {}
    body = kfp_server_api.V2beta1Pipeline(name="sequential", display_name="sequential", namespace=NAMESPACE)
    pipeline = client.pipelines.pipeline_service_create_pipeline(body)
    version = client.upload_pipeline_version(str(file), "one", pipeline_id=pipeline.pipeline_id)
    assert client.get_pipeline_version(pipeline.pipeline_id, version.pipeline_version_id).pipeline_spec
