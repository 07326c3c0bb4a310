"""What is looked for after a run that changed the release."""

from collections.abc import Mapping
from typing import Any

import pytest

from ops.existing import Place
from ops.health import examine, refuse
from ops.inventory import Inventory
from ordering.errors import UserError
from ordering.manifests.objects import Manifest

WEBHOOK = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingWebhookConfiguration",
    "metadata": {"name": "v"},
    "webhooks": [
        {
            "name": "notebooks",
            "rules": [{"apiGroups": ["kubeflow.org"], "resources": ["notebooks"], "operations": ["UPDATE"]}],
        },
        {
            "name": "selective",
            "objectSelector": {"matchLabels": {"a": "b"}},
            "rules": [{"apiGroups": ["kubeflow.org"], "resources": ["notebooks"], "operations": ["*"]}],
        },
    ],
}


def workload(name: str, **status: Any) -> Manifest:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "kubeflow", "generation": 2},
        "spec": {"replicas": 1},
        "status": {"observedGeneration": 2, **status},
    }


def notebook(name: str, **metadata: Any) -> Manifest:
    about = {"name": name, "namespace": "team", **metadata}
    return {"apiVersion": "kubeflow.org/v1", "kind": "Notebook", "metadata": about}


READY: dict[str, Any] = {"conditions": [{"type": "Available", "status": "True"}]}


class Live:
    def __init__(self, *objects: Manifest, answer: str = "", served: bool = True) -> None:
        self.objects, self.answer, self.served = objects, answer, served

    def list(self, api_version: str, kind: str) -> list[Manifest]:
        return [one for one in self.objects if (one["apiVersion"], one["kind"]) == (api_version, kind)]

    def kinds(self) -> Mapping[tuple[str, str], tuple[str, str]]:
        return {("kubeflow.org", "notebooks"): ("kubeflow.org/v1", "Notebook")} if self.served else {}

    def judged(self, manifest: Manifest) -> None:
        if self.answer:
            raise UserError(self.answer)


KINDS = frozenset({("kubeflow.org", "Notebook")})
OURS = frozenset({Place("apps", "Deployment", "kubeflow", "a")})


def look(live: Live, before: list[Manifest], after: list[Manifest], kinds: frozenset[tuple[str, str]] = KINDS) -> Any:
    return examine(
        live, OURS, Inventory(objects=before, kinds=KINDS), Inventory(objects=after, kinds=kinds), []
    )  # fmt: skip


def test_all_is_well() -> None:
    live = Live(workload("a", **READY), workload("theirs"), WEBHOOK, notebook("n"))
    found = look(live, [notebook("n")], [notebook("n"), notebook("new")])
    refuse(found, "dev")
    assert str(found) == (
        "1 workloads are available; 1 objects that were there are there; 1 of 2 webhooks had something to judge, and "
        "answered"
    )


@pytest.mark.parametrize(
    ("live", "after", "told"),
    [
        (Live(workload("a")), [notebook("n")], "Deployment kubeflow/a is not available"),
        (Live(workload("a", observedGeneration=1, **READY)), [notebook("n")], "Deployment kubeflow/a is not available"),
        (Live(), [], "Notebook team/n is gone"),
        (Live(), [notebook("n", deletionTimestamp="now")], "Notebook team/n is still being deleted"),
        (
            Live(WEBHOOK, notebook("n"), answer='failed calling webhook "notebooks": refused'),
            [notebook("n")],
            'a webhook does not answer: failed calling webhook "notebooks": refused',
        ),
    ],
)
def test_what_is_wrong_is_named(live: Live, after: list[Manifest], told: str) -> None:
    found = look(live, [notebook("n")], after)
    assert found.wrong == (told,)
    with pytest.raises(UserError, match="`make rollback STACK=dev` goes back"):
        refuse(found, "dev")


def test_a_webhook_that_refuses_an_old_object_has_answered() -> None:
    assert look(Live(WEBHOOK, notebook("n"), answer="denied the request"), [], []).wrong == ()


def test_what_went_with_its_definition_was_accepted_before() -> None:
    found = look(Live(served=False), [notebook("n")], [], frozenset())
    assert found.wrong == ()
    assert "1 went with their definitions, as accepted" in str(found)


def test_what_was_kept_with_its_definition_is_there_though_the_state_has_let_it_go() -> None:
    found = look(Live(notebook("n")), [notebook("n")], [], frozenset())
    assert (found.wrong, found.went, found.objects) == ((), (), 1)


def test_what_the_new_release_has_no_more_of_its_own_is_not_missed() -> None:
    ours = Place("kubeflow.org", "Notebook", "team", "n")
    before = Inventory(objects=[notebook("n")], kinds=KINDS, ours=frozenset({ours}))
    assert examine(Live(), OURS, before, Inventory(objects=[], kinds=KINDS), []).wrong == ()


def test_an_operation_that_nobody_knows_the_end_of() -> None:
    none = Inventory(objects=[], kinds=KINDS)
    found = examine(Live(), OURS, none, none, [{"resource": {"urn": "a::b::kubeflow/x"}}])
    assert found.wrong == ("kubeflow/x is still under way",)
