"""Steps between releases: chosen by the state and the graph, done on a cluster that is played, and done again."""

import json

import pytest

from ops.existing import KEPT
from ops.migrations import artifacts, attached, jobs, pod_security, table
from ops.project import PROJECT_ROOT
from ordering.errors import UserError
from ordering.manifests.objects import Manifest
from tests.unit.ops.migrating import EARLIER, HOOK, LATER, NEW, OLD, Live, between, deployment, hook, made


def kept(claim: str, *notes: str, stack: str = "dev") -> Manifest:
    """A claim that an earlier run of the stack has kept, with how it was served."""
    live = Live(made("v1", "PersistentVolumeClaim", claim))
    artifacts.before(between(OLD, NEW), live, len)
    live.objects[0]["metadata"]["annotations"].update(dict.fromkeys(notes, "there"))
    live.objects[0]["metadata"]["labels"] = {KEPT: stack}
    return live.objects[0]


CONFIG = made("v1", "ConfigMap", "pipeline-install-config", data={"bucketName": "mlpipeline"})


def ended(live: Live, *, runs_pods: bool = True, after: list[Manifest] = NEW) -> list[str]:
    said: list[str] = []
    table.after(between(NEW, after, runs_pods=runs_pods), live, lambda line: said.append(str(line)))
    return said


def test_a_run_is_about_the_rows_that_its_state_and_graph_tell_of() -> None:
    assert [one.component for one in table.chosen(between(OLD, NEW))] == ["Object store"]
    assert [one.component for one in table.chosen(between(NEW, OLD))] == ["Object store"]
    assert table.chosen(between(NEW, NEW)) == []
    assert table.chosen(between([], NEW)) == []


def test_a_store_that_goes_is_told_with_the_claim_that_holds_it() -> None:
    (said,) = table.look(between(OLD, NEW), Live(*OLD))
    assert said.startswith("minio goes, ")
    assert "KEEP=PersistentVolumeClaim/kubeflow/minio-claim" in said
    assert table.look(between(OLD, NEW), Live()) == [], "a claim that is gone has nothing to keep"


def test_what_was_kept_is_copied_once_and_stays() -> None:
    live = Live(kept("minio-claim"), CONFIG, says='{"copied": 3}')
    said = ended(live)
    assert [one["kind"] for one in live.applied] == ["Secret", "Job"]
    assert live.deleted == ["Job kubeflow/copy-of-minio-claim", "Secret kubeflow/copy-of-minio-claim"]
    assert said[-1] == (
        "What was in the claim kubeflow/minio-claim is in seaweedfs now "
        '({"copied": 3}); the claim stays until you delete it.'
    )
    assert ended(live) == [], "and is not copied again"


def test_the_copy_serves_the_claim_as_it_was_served_with_keys_of_its_own() -> None:
    live = Live(kept("minio-claim"), CONFIG)
    ended(live)
    secret, job = live.applied
    pod = job["spec"]["template"]["spec"]
    (old,), (copier,) = pod["initContainers"], pod["containers"]
    assert old["restartPolicy"] == "Always"
    assert old["env"][0]["valueFrom"]["secretKeyRef"]["name"] == secret["metadata"]["name"]
    assert old["envFrom"] == [{"secretRef": {"name": secret["metadata"]["name"]}}]
    assert pod["volumes"] == [{"name": "data", "persistentVolumeClaim": {"claimName": "minio-claim"}}]
    assert copier["image"] == "toolbox", "the image that has a client, of whichever release has that"
    told = {one["name"]: one.get("value") or one["valueFrom"]["secretKeyRef"]["name"] for one in copier["env"]}
    assert told["SOURCE_URL"] == "http://127.0.0.1:9000"
    assert told["TARGET_URL"] == "http://seaweedfs.kubeflow:8333"
    assert (told["SOURCE_ACCESS_KEY"], told["TARGET_ACCESS_KEY"]) == ("copy-of-minio-claim", attached.KEYS)
    compile(copier["command"][2], "copier", "exec")
    assert job["spec"]["template"]["metadata"]["labels"] == {"sidecar.istio.io/inject": "false"}


def test_with_a_bucket_the_platforms_own_role_writes() -> None:
    config = {"bucketName": "b", "objectStoreHost": "s3.us-west-2.amazonaws.com", "objectStoreRegion": "us-west-2"}
    live = Live(kept("minio-claim"), made("v1", "ConfigMap", "pipeline-install-config", data=config))
    assert "is in the bucket b now" in ended(live, after=hook())[-1]
    pod = live.applied[1]["spec"]["template"]["spec"]
    told = {one["name"]: one.get("value") for one in pod["containers"][0]["env"]}
    assert (told["TARGET_URL"], told["TARGET_BUCKET"]) == ("https://s3.us-west-2.amazonaws.com", "b")
    assert "TARGET_ACCESS_KEY" not in told
    assert pod["serviceAccountName"] == "ml-pipeline"


def test_a_copy_that_fails_is_told_and_begun_again_by_the_next_run() -> None:
    live = Live(kept("minio-claim"), CONFIG, ends="Failed", says="no route")
    with pytest.raises(UserError, match=r"one step is left \(Object store\): .* all copied to seaweedfs \(no route\)"):
        ended(live)
    live.ends = "Complete"
    assert "is in seaweedfs now" in ended(live)[-1]


def test_a_copy_that_takes_longer_goes_on_without_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "PATIENCE_S", -1)
    live = Live(kept("minio-claim"), CONFIG, ends="")
    assert ended(live)[-1] == "The Job kubeflow/copy-of-minio-claim still copies; `make up` says how it ended."
    (job,) = [one for one in live.objects if one["kind"] == "Job"]
    job["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}
    assert "is in seaweedfs now" in ended(live)[-1]
    assert [one["kind"] for one in live.applied] == ["Secret", "Job"], "one Job, of the first run"


def test_where_pods_run_nothing_the_claim_stays_and_that_is_said() -> None:
    live = Live(kept("minio-claim"), CONFIG)
    (said,) = ended(live, runs_pods=False)
    assert said.endswith("what is in the claim kubeflow/minio-claim is not copied to seaweedfs; it stays there.")
    assert live.applied == []


@pytest.mark.parametrize("claim", [kept("minio-claim", artifacts.COPIED), kept("minio-claim", stack="other")])
def test_other_claims_are_left_alone(claim: Manifest) -> None:
    live = Live(claim, CONFIG)
    assert ended(live) == []
    assert live.applied == []


def test_a_claim_that_the_release_still_has_is_in_use_and_not_copied() -> None:
    """The label is put on before the engine runs: one that failed, or the way back cut short, leaves it on."""
    claim = kept("minio-claim")
    live = Live(claim, CONFIG)
    assert ended(live, after=OLD) == []
    assert live.applied == []
    assert ended(live, after=NEW) != [], "out of the release it is copied"


def test_a_claim_that_goes_once_more_forgets_where_it_was_copied_to() -> None:
    live = Live(kept("minio-claim", artifacts.COPIED))
    table.before(between(OLD, NEW), live, len)
    assert set(live.objects[0]["metadata"]["annotations"]) == {artifacts.SERVED}


def child(kind: str, name: str, at: str = EARLIER, place: str = "team-a", **data: str) -> Manifest:
    """What the hook has attached to a namespace, as it was asked for."""
    one = made("v1", kind, name, place, data=data)
    notes = {
        "metacontroller.k8s.io/decorator-controller": HOOK,
        "metacontroller.k8s.io/last-applied-configuration": json.dumps({"data": data}),
    }
    one["metadata"].update(annotations=notes, creationTimestamp=at, ownerReferences=[{"kind": "Namespace"}])
    return one


PROGRAM = made("v1", "ConfigMap", "code-2")
PROGRAM["metadata"]["creationTimestamp"] = LATER


def test_what_an_earlier_program_attached_is_made_again_and_what_was_edited_stays() -> None:
    edited = child("ConfigMap", "kfp-launcher", root="s3://b")
    edited["data"] = {"root": "s3://theirs"}
    theirs = made("v1", "ConfigMap", "artifact-repositories", "team-b")
    theirs["metadata"]["creationTimestamp"] = EARLIER
    new = child("ConfigMap", "artifact-repositories", LATER, "team-c", a="2")
    live = Live(PROGRAM, child("ConfigMap", "artifact-repositories", a="1"), edited, theirs, new)
    said: list[str] = []
    attached.renew(between(OLD, NEW), live, said.append)
    assert live.deleted == ["ConfigMap team-a/artifact-repositories"]
    assert said[1].startswith(
        "ConfigMap team-a/kfp-launcher is of an earlier release and was edited since, so it stays"
    )
    assert ended(live) == [], "which is said once"


def test_what_metacontroller_updates_by_itself_is_left_to_it() -> None:
    live = Live(PROGRAM, child("ConfigMap", "artifact-repositories", a="1"))
    attached.renew(between(OLD, hook("toolbox", "code-2", "InPlace")), live, pytest.fail)


def keys(place: str, value: str) -> Manifest:
    return child("Secret", attached.KEYS, place=place, accesskey=value)


@pytest.mark.parametrize(
    ("release", "deleted"),
    [(NEW, "Secret team-a/mlpipeline-minio-artifact"), (OLD, "Secret team-b/mlpipeline-minio-artifact")],
)
def test_keys_that_the_release_would_not_hand_out_are_made_again(release: list[Manifest], deleted: str) -> None:
    """The administrator's keys where each profile has its own, and foreign ones where all have the administrator's."""
    edited = keys("team-c", "stack")
    edited["data"] = {"accesskey": "by hand"}
    live = Live(
        made("v1", "Secret", attached.KEYS, data={"accesskey": "stack"}),
        keys("team-a", "stack"),
        keys("team-b", "own"),
        edited,
        made("v1", "Secret", attached.KEYS, "team-d", data={"accesskey": "stack"}),
    )
    said = ended(live, after=release)
    assert live.deleted == [deleted]
    assert said[0].startswith(f"had {deleted} made again")


def definition() -> Manifest:
    spec = {"group": "kubeflow.org", "names": {"kind": "PyTorchJob"}, "versions": [{"name": "v1"}]}
    return made("apiextensions.k8s.io/v1", "CustomResourceDefinition", "pytorchjobs.kubeflow.org", "", spec=spec)


def test_jobs_that_have_not_ended_are_named_where_their_controller_goes() -> None:
    before = [deployment("training-operator"), definition()]
    running, done = (made("kubeflow.org/v1", "PyTorchJob", name, "team-a") for name in ("running", "done"))
    done["status"] = {"conditions": [{"type": "Succeeded", "status": "True"}]}
    (said,) = table.look(between(before, []), Live(running, done))
    assert said.startswith("The training operator goes, and 1 of its jobs has not ended (PyTorchJob team-a/running): ")
    assert table.look(between(before, []), Live(done)) == []
    assert not jobs.applies(between(before, before[:1]))


def test_pods_of_others_are_named_where_a_namespace_gets_stricter() -> None:
    def namespace(level: str) -> Manifest:
        one = made("v1", "Namespace", "kubeflow", "")
        one["metadata"]["labels"] = {"pod-security.kubernetes.io/enforce": level}
        return one

    def pod(name: str, kind: str = "", owner: str = "") -> Manifest:
        one = made("v1", "Pod", name)
        one["metadata"]["ownerReferences"] = [{"kind": kind, "name": owner, "controller": True}] if kind else []
        return one

    ours = deployment("web-app")
    step = between([namespace("baseline"), ours], [namespace("restricted"), ours])
    pods = [pod("theirs"), pod("web-app-1-a", "ReplicaSet", "web-app-1"), pod("other-0", "StatefulSet", "other")]
    (said,) = table.look(step, Live(*pods))
    assert said.startswith("The namespace kubeflow enforces the level restricted from now on. ")
    assert said.endswith(": other-0, theirs.")
    assert table.look(step, Live(*pods, warns=False)) == [], "all of them meet it"
    assert table.look(step, Live(pods[1])) == []
    assert not pod_security.applies(between([namespace("restricted")], [namespace("baseline")]))


def test_the_page_has_every_row() -> None:
    page = (PROJECT_ROOT / "docs" / "upgrading.md").read_text()
    for one in table.MIGRATIONS:
        assert f"| {one.component} | {one.does} | {one.why} | {one.source} |" in page
