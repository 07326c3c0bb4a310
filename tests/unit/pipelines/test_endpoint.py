"""The command against a Kubeflow that it reaches over real HTTP: signing in, submitting, following, scheduling."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.aws import identity
from pipelines.__main__ import main
from pipelines.stack import Context
from tests.unit.pipelines import kubernetes_server, moto_server
from tests.unit.pipelines.conftest import CONTEXT
from tests.unit.pipelines.kubeflow_server import (
    API,
    DROP_AFTER,
    DROP_BEFORE,
    NAMESPACE,
    PASSWORD,
    USER,
    Kubeflow,
    serve,
)
from tests.unit.pipelines.words import told

IMAGE = ["--image", "registry.example.com/pipeline:1"]


@pytest.fixture
def bucket() -> Iterator[dict[str, str]]:
    """A bucket named `ada-artifacts` in moto's S3; gives the environment of its clients."""
    with moto_server.serve() as environment:
        moto_server.s3(environment).create_bucket(Bucket="ada-artifacts")
        yield environment


def _at(kubeflow: Kubeflow, user: str = USER) -> list[str]:
    return ["--endpoint", kubeflow.url, "--user", user]


def _run(kubeflow: Kubeflow, *more: str) -> int:
    return main(["run", "sequential", *_at(kubeflow), *IMAGE, *more], CONTEXT)


def test_a_run_is_followed_step_by_step_and_ends_with_its_link(
    kubeflow: Kubeflow, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(kubeflow, "--param", "count=7") == 0

    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[1:] == [
        "draw running",
        "draw succeeded",
        "average running",
        "average succeeded",
        f"{kubeflow.url}/_/pipeline/?ns={NAMESPACE}#/runs/details/run-1",
        "succeeded",
    ]
    (run,) = kubeflow.api.runs.values()
    assert run["runtime_config"]["parameters"] == {"count": 7}
    assert {e["container"]["image"] for e in run["pipeline_spec"]["deploymentSpec"]["executors"].values()} == {IMAGE[1]}


def test_the_run_lands_in_the_persons_own_profile(kubeflow: Kubeflow) -> None:
    assert _run(kubeflow) == 0
    assert [made["namespace"] for made in kubeflow.api.experiments.values()] == [NAMESPACE]


def test_a_second_run_uses_the_same_experiment(kubeflow: Kubeflow) -> None:
    assert _run(kubeflow) == 0
    assert _run(kubeflow) == 0
    assert len(kubeflow.api.experiments) == 1
    assert len(kubeflow.api.runs) == 2


def test_a_namespace_can_be_named(kubeflow: Kubeflow) -> None:
    assert _run(kubeflow, "--namespace", "shared") == 0
    assert [made["namespace"] for made in kubeflow.api.experiments.values()] == ["shared"]


def test_a_namespace_of_somebody_else_is_refused_in_one_sentence(
    kubeflow: Kubeflow, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(kubeflow, "--namespace", "team-eve") == 1
    assert told(capsys) == (
        f"{kubeflow.url} refuses experiments (403: User {USER} is not authorized in namespace team-eve); "
        "ask for the namespace to be shared with you."
    )
    assert kubeflow.api.runs == {}


def test_somebody_without_a_profile_is_told(kubeflow: Kubeflow, capsys: pytest.CaptureFixture[str]) -> None:
    kubeflow.profiles = [{"namespace": "shared", "role": "contributor"}]
    assert _run(kubeflow) == 1
    assert "no profile is yours" in told(capsys)


def test_dex_with_several_ways_in(kubeflow: Kubeflow) -> None:
    kubeflow.choice_of_logins = True
    assert _run(kubeflow) == 0


def test_an_endpoint_that_asks_nobody_to_sign_in(kubeflow: Kubeflow, monkeypatch: pytest.MonkeyPatch) -> None:
    kubeflow.asks_to_sign_in = False
    monkeypatch.delenv("KUBEFLOW_PASSWORD")
    assert main(["run", "sequential", "--endpoint", kubeflow.url, *IMAGE], CONTEXT) == 0
    assert kubeflow.count("GET", "/oauth2/start") == 0


def test_a_program_shows_a_token_and_fills_in_no_form(
    kubeflow: Kubeflow, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("KUBEFLOW_PASSWORD")
    kubeflow.tokens.add("good")
    command = ["run", "sequential", "--endpoint", kubeflow.url, *IMAGE, "--token"]
    assert main([*command, "good"], CONTEXT) == 0
    assert kubeflow.count("GET", "/oauth2/start") == 0
    assert main([*command, "old"], CONTEXT) == 1
    assert told(capsys).startswith(f"{kubeflow.url} refuses the token; make a new one for the audience pipelines.")


def test_a_stack_s_cluster_gives_a_program_its_token(
    kubeflow: Kubeflow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("KUBEFLOW_PASSWORD")
    kubeflow.tokens.add(f"{NAMESPACE}.default-editor.pipelines.kubeflow.org")
    with kubernetes_server.serve(tmp_path) as (cluster, kubeconfig):
        outputs = {
            "address": kubeflow.url,
            "dashboard_user": USER,
            "dashboard_password": PASSWORD,
            "kubeconfig": kubeconfig.read_text(),
            "runner_role_arns": {"kubeflow/pipeline-runner": "arn:r", f"{NAMESPACE}/default-editor": "arn:a"},
            "token_issuer": "https://issuer",
        }
        context = Context(outputs=lambda _: outputs, environment=lambda _: {}, retry=CONTEXT.retry, poll_seconds=0.01)
        command = ["run", "sequential", "--stack", "dev", *IMAGE]
        assert main(command, context) == 0
        assert kubeflow.count("GET", "/oauth2/start") == 0, "no password is needed"
        cluster.refuses = {"serviceaccounts"}
        capsys.readouterr()
        assert main(command, context) == 1
        assert told(capsys).startswith(
            f"The cluster gives no token for the service account {NAMESPACE}/default-editor: "
        )
        # Who names a person signs in as that one.
        monkeypatch.setenv("KUBEFLOW_PASSWORD", PASSWORD)
        assert main(command, context) == 0
        assert kubeflow.count("GET", "/oauth2/start") == 1


def test_a_refused_login_is_one_sentence_and_starts_nothing(
    kubeflow: Kubeflow, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUBEFLOW_PASSWORD", "12341234")
    assert _run(kubeflow) == 1
    assert told(capsys) == f"{kubeflow.url} refuses user '{USER}' with this password; check both."
    assert kubeflow.count("POST", "/dex/auth/local/login") == 1
    assert kubeflow.api.runs == {}


def test_nobody_to_sign_in_as(
    kubeflow: Kubeflow, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("KUBEFLOW_PASSWORD")
    assert _run(kubeflow) == 1
    assert "KUBEFLOW_PASSWORD" in told(capsys)


@pytest.mark.parametrize("fault", [503, DROP_BEFORE, DROP_AFTER])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/workgroup/env-info"),
        ("GET", "/oauth2/start"),
        ("POST", "/dex/auth/local/login"),
        ("GET", f"{API}/experiments"),
        ("POST", f"{API}/experiments"),
        ("POST", f"{API}/runs"),
        ("GET", f"{API}/runs/run-1"),
    ],
)
def test_a_fault_that_passes_is_not_noticed_and_nothing_is_made_twice(
    kubeflow: Kubeflow, method: str, path: str, fault: int | str
) -> None:
    kubeflow.fault(method, path, fault, fault)
    assert _run(kubeflow) == 0
    assert len(kubeflow.faults[method, path]) < 2
    assert len(kubeflow.api.experiments) == 1
    assert len(kubeflow.api.runs) == 1


def test_a_fault_that_stays_is_one_sentence_after_a_bounded_number_of_tries(
    kubeflow: Kubeflow, capsys: pytest.CaptureFixture[str]
) -> None:
    kubeflow.fault("POST", f"{API}/runs", *[503] * 50)
    assert _run(kubeflow) == 1
    assert told(capsys) == (
        f"{kubeflow.url} answers 503 to {API}/runs (upstream connect error), "
        "also after 4 tries; look at the pods behind it."
    )
    assert kubeflow.count("POST", f"{API}/runs") == 4


def test_nothing_listens_there(kubeflow: Kubeflow, capsys: pytest.CaptureFixture[str]) -> None:
    with serve() as gone:
        pass
    assert main(["run", "sequential", "--endpoint", gone.url, *IMAGE], CONTEXT) == 1
    assert told(capsys).startswith(f"{gone.url} cannot be reached (")


def test_a_session_that_ends_while_a_run_is_followed(kubeflow: Kubeflow) -> None:
    assert _run(kubeflow) == 0
    kubeflow.fault("GET", f"{API}/runs/run-2", 401)
    assert _run(kubeflow) == 0
    assert kubeflow.count("POST", "/dex/auth/local/login") == 3


def test_a_failed_step_says_why_and_the_link_is_still_there(
    kubeflow: Kubeflow, capsys: pytest.CaptureFixture[str]
) -> None:
    kubeflow.api.failing_step = "draw"
    kubeflow.pod_log = (
        "I1122 launcher_v2.go:155] starting\n"
        "Traceback (most recent call last):\n"
        '  File "/usr/local/lib/python3.11/site-packages/kfp/dsl/executor_main.py", line 109, in <module>\n'
        "    executor_main()\n"
        "ValueError: count is 0; it must be 1 or more.\n"
        "I1122 main.go:50] failed to execute component: exit status 1\n"
    )
    assert _run(kubeflow) == 1
    out, err = capsys.readouterr()
    assert err == "error: Run run-1 failed: count is 0; it must be 1 or more.\n"
    assert "#/runs/details/run-1\n" in out
    assert "average" not in out


def test_a_failed_step_whose_log_is_gone(kubeflow: Kubeflow, capsys: pytest.CaptureFixture[str]) -> None:
    kubeflow.api.failing_step = "average"
    assert _run(kubeflow) == 1
    assert told(capsys) == "Run run-1 failed: the API does not say why; open the run to see its logs"


def test_a_schedule(kubeflow: Kubeflow, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["schedule", "sequential", "--cron", "30 6 * * MON-FRI", *_at(kubeflow), *IMAGE, "--param", "seed=3"]
    assert main(command, CONTEXT) == 0
    (made,) = kubeflow.api.schedules.values()
    assert made["trigger"] == {"cron_schedule": {"cron": "0 30 6 * * MON-FRI"}}
    assert made["mode"] == "ENABLE"
    assert made["runtime_config"]["parameters"] == {"seed": 3}
    assert f"#/recurringrun/details/{made['recurring_run_id']}" in capsys.readouterr().out


def test_a_schedule_whose_creation_was_not_answered_is_made_once(kubeflow: Kubeflow) -> None:
    kubeflow.fault("POST", f"{API}/recurringruns", DROP_AFTER)
    assert main(["schedule", "sequential", "--cron", "0 6 * * *", *_at(kubeflow), *IMAGE], CONTEXT) == 0
    assert len(kubeflow.api.schedules) == 1


def test_a_cron_expression_is_checked_before_anything_is_asked(
    kubeflow: Kubeflow, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["schedule", "sequential", "--cron", "61 6 * * *", *_at(kubeflow), *IMAGE], CONTEXT) == 1
    assert "'61' as minute" in told(capsys)
    assert kubeflow.requests == []


def test_the_status_of_a_run(kubeflow: Kubeflow, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(kubeflow) == 0
    capsys.readouterr()
    assert main(["status", "run-1", *_at(kubeflow)], CONTEXT) == 0
    words = capsys.readouterr().out.split()
    assert words[:4] == ["draw", "succeeded", "average", "succeeded"]
    assert words[-1] == "succeeded"


def test_the_status_of_a_run_that_does_not_exist(kubeflow: Kubeflow, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "run-9", *_at(kubeflow)], CONTEXT) == 1
    assert told(capsys) == f"There is no run 'run-9' at {kubeflow.url}."


def test_a_stack_gives_user_password_and_image(kubeflow: Kubeflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBEFLOW_PASSWORD")
    outputs = {
        "bucket": "ada-artifacts",
        "repository_url": "123456789012.dkr.ecr.us-west-2.amazonaws.com/kubeflow",
        "dashboard_user": USER,
        "dashboard_password": PASSWORD,
    }
    context = Context(
        outputs=lambda stack: {"dev": outputs}[stack],
        environment=lambda stack: {},
        retry=CONTEXT.retry,
        poll_seconds=CONTEXT.poll_seconds,
    )
    assert main(["run", "sequential", "--stack", "dev", "--endpoint", kubeflow.url], context) == 0
    (run,) = kubeflow.api.runs.values()
    images = {each["container"]["image"] for each in run["pipeline_spec"]["deploymentSpec"]["executors"].values()}
    assert len(images) == 1
    assert images.pop().startswith("123456789012.dkr.ecr.us-west-2.amazonaws.com/kubeflow:")


def test_what_a_stack_fills_in_is_in_its_bucket_where_the_steps_may_use_it(
    kubeflow: Kubeflow, bucket: dict[str, str]
) -> None:
    outputs = {"bucket": "ada-artifacts", "dashboard_user": USER}
    context = Context(
        outputs=lambda stack: outputs,
        environment=lambda stack: bucket,
        retry=CONTEXT.retry,
        poll_seconds=CONTEXT.poll_seconds,
    )
    given = ["--stack", "dev", "--endpoint", kubeflow.url, "--param", "months=12"]
    assert main(["run", "salary", *given], context) == 0
    (run,) = kubeflow.api.runs.values()
    assert run["runtime_config"]["parameters"] == {
        "dataset": "s3://ada-artifacts/shared/datasets/salaries.csv",
        "model": f"s3://ada-artifacts/private/{NAMESPACE}/models/salary.joblib",
        "months": 12.0,
    }
    (allowed,) = [
        runner.prefixes for runner in identity.runners([NAMESPACE]) if runner.service_account == "default-editor"
    ]
    for parameter in ("dataset", "model"):
        key = run["runtime_config"]["parameters"][parameter].removeprefix("s3://ada-artifacts/")
        assert key.startswith(allowed)


def test_a_pipeline_that_needs_a_file_without_a_stack(kubeflow: Kubeflow, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "salary", *_at(kubeflow), *IMAGE], CONTEXT) == 1
    assert told(capsys) == (
        "Pipeline 'salary' needs --param dataset=…, --param model=…; or name a stack, whose bucket then gives them."
    )
    assert kubeflow.api.runs == {}


def test_a_pipeline_without_an_image(kubeflow: Kubeflow, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "sequential", *_at(kubeflow)], CONTEXT) == 1
    assert "which image the steps run in" in told(capsys)
