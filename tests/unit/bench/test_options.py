"""The production options that are tried alone: none of the example's is forgotten, and each can be set."""

from typing import Any

import httpx
import pytest
import yaml

from bench.options import EXAMPLE, ISSUER, LEAVING, ROLE, ZONE, Option, options, plan, production, table
from infra.issuer import discover
from infra.settings import Settings
from ops import cost
from tests.local.issuer import DOCUMENT, answering
from tests.unit.settings_source import DEFAULTS, settings

ALL, *ALONE = options()
OF_A_PLACE = {
    "aws:region",
    "kubeflow:networkZones",
    "kubeflow:clusterVersion",
    "kubeflow:clusterPublicAccessCidrs",
    "kubeflow:clusterAdministrators",
    "kubeflow:nodesInstanceType",
    "kubeflow:nodesMin",
    "kubeflow:nodesDesired",
    "kubeflow:nodesMax",
    "kubeflow:databaseInstanceClass",
    "kubeflow:databaseMultiAz",
}
"""What the example says of where a stack is, and how large: no options of their own."""
MADE = {ZONE: "Z1", ISSUER: "http://127.0.0.1:1", ROLE: "arn:aws:iam::123456789012:role/platform"}


def wanted(one: Option) -> Settings:
    """The option's settings, checked."""
    given = {key.removeprefix("kubeflow:"): value for key, value in one.settings.items() if key != "aws:region"}
    text = {key: MADE.get(value, value) if isinstance(value, str) else value for key, value in given.items()}
    text["clusterAdministrators"] = [MADE.get(value, value) for value in given.get("clusterAdministrators", ())]
    return settings("local", emulated=True, **text)


def test_every_option_of_the_example_is_tried_alone() -> None:
    example = yaml.safe_load(EXAMPLE.read_text())["config"]
    tried = {f"kubeflow:{key}" for one in ALONE for key in one.settings}
    # A gateway in each zone is one more of the same kind.
    assert example.keys() - tried == OF_A_PLACE | {"kubeflow:protect"}
    assert example.keys() - production(example).keys() == {"kubeflow:protect"}
    assert set(LEAVING) - example.keys() == {"kubeflow:storageOnDestroy"}


@pytest.mark.parametrize("one", options(), ids=lambda one: one.title)
def test_each_is_sound_and_on_the_bill_as_it_says(one: Option) -> None:
    found = cost.difference(cost.estimate(settings("local", emulated=True)), cost.estimate(wanted(one)))
    # How much the claims take rests on the release.
    assert {change.name for change in found} == one.priced - {"volumes"}


def test_no_two_are_one_and_each_sets_what_no_default_is() -> None:
    assert len({one.title for one in options()}) == len({str(one.settings) for one in options()}) == len(options())
    for one in ALONE:
        assert all(DEFAULTS.get(f"kubeflow:{key}") != value for key, value in one.settings.items()), one.title


def test_an_issuer_that_answers_is_one_for_a_login() -> None:
    with answering() as url:
        found = discover(url)
        assert (found.url, found.scopes) == (url, ("openid", "email", "groups"))
        assert (found.end_session, found.logout_host) == (f"{url}/logout", url.removeprefix("http://"))
        assert httpx.get(f"{url}/elsewhere").status_code == 404
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}{DOCUMENT}")


def row(title: str, *wrong: str, **figures: Any) -> dict[str, Any]:
    counts = dict.fromkeys(("resources", "objects", "requests", "refused", "calls", "refused_calls"), 0)
    return {"title": title, **counts, "monthly": 0.0, "up_s": 1.0, "destroy_s": 2.0, "wrong": list(wrong), **figures}


def test_the_next_call_goes_on_with_what_is_not_right() -> None:
    kept = [row("`sagemaker`", resources=80), row("`database: rds`", "left or gone: x", "refused: y", monthly=51.5)]
    assert [one.title for one in plan(kept, options())] == [
        one.title for one in options() if one.title != "`sagemaker`"
    ]
    assert table(kept).splitlines()[2:] == [
        "| `database: rds` | 0 | 0 | 0 | 0 | 0 | 0 | +51.50 | 1.0 | 2.0 | left or gone: x; refused: y |",
        "| `sagemaker` | 80 | 0 | 0 | 0 | 0 | 0 | +0.00 | 1.0 | 2.0 | nothing left |",
    ]
