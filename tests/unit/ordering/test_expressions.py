"""What `pulumi.com/waitFor` may hold: what the provider reads passes, the rest is refused before anything is sent.

The good ones and the bad ones are those of jsonpath_test.go and overrides_test.go in pulumi-kubernetes 4.32, in kind.
"""

import json

import pytest

from bench.synthetic import namespace
from infra.kubeflow.slim import slim
from ordering.errors import UserError
from ordering.graph import build
from ordering.graph.expressions import fault
from ordering.manifests.render import render
from tests.unit.kubeflow.platforms import SAMPLE

GOOD = [
    "condition=Ready",
    "condition=Ready=False",
    "jsonpath={.status.phase}",
    "jsonpath={.status.phase}=Running",
    "jsonpath={ .status.phase }=Running",
    "jsonpath={$.status.phase}",
    "jsonpath={.webhooks[0].clientConfig.caBundle}",
    "jsonpath={.metadata.finalizers[-1]}=profile-finalizer",
    "jsonpath={.metadata.labels['app.kubernetes.io/name']}=web",
    'jsonpath={.metadata.annotations["a.b"]}',
    "jsonpath={.status.conditions[?(@.type=='Failed' || @.type=='Complete')].status}=True",
    "jsonpath={.status[?@ == 'Running']}",
    "jsonpath={..ready}",
    "jsonpath={.items[*].name}",
    "jsonpath={.items[0,1]}",
    "jsonpath={.items[1:3]}",
    json.dumps(["condition=Ready", "jsonpath={.status.phase}=Running"]),
]

BAD = {
    "Ready": "neither",
    "": "neither",
    "condition=": "condition=TYPE",
    "condition=Ready=True=False": "condition=TYPE",
    "jsonpath=.status.phase": "braces",
    "jsonpath='{.status.phase}'=Running": "braces",
    "jsonpath={.status.phase}='Running'": "write Running",
    'jsonpath={.status.phase}="Running"': "write Running",
    "jsonpath={.status.phase}=": "PATH",
    "jsonpath={.status.phase}=a=b": "PATH",
    "jsonpath={range .items[*]}{.name}{end}": "range",
    r"jsonpath={.metadata.labels.app\.kubernetes\.io/name}=web": "['name.with.dots']",
    "jsonpath={.metadata.labels.app-name}=web": "['a-name']",
    "jsonpath={}": "RFC 9535",
    "jsonpath={status}": "RFC 9535",
    "jsonpath={.items[}": "RFC 9535",
    "[]": "empty list",
    "[1]": "list of texts",
    '{"a": 1}': "list of texts",
    '["condition=Ready", "Ready"]': "'Ready'",
}


@pytest.mark.parametrize("value", GOOD)
def test_what_the_provider_reads_passes(value: str) -> None:
    assert fault(value) is None


@pytest.mark.parametrize(("value", "word"), BAD.items())
def test_what_it_does_not_is_refused_with_what_to_write(value: str, word: str) -> None:
    assert word in (fault(value) or "")


def test_a_manifest_with_a_wait_that_nobody_can_read_is_named() -> None:
    bad = namespace("a")
    bad["metadata"]["annotations"] = {"pulumi.com/waitFor": "jsonpath={.status.phase}='Active'"}
    with pytest.raises(UserError, match=r"pulumi.com/waitFor of Namespace a is .*write Active"):
        build([bad])
    bad["metadata"]["annotations"] = {"pulumi.com/waitFor": "jsonpath={.status.phase}=Active"}
    build([bad])


def test_every_wait_of_ours_can_be_read() -> None:
    nodes = build(slim(render(SAMPLE))).nodes
    expressions = {expression for node in nodes for expression in node.wait.expressions}
    assert len(expressions) > 3
    assert [expression for expression in expressions if fault(expression)] == []
