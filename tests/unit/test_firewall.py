"""A web ACL before the address: AWS's rules, of which those on what people write only count, and no flood."""

from typing import Any

import pytest

from infra.aws.firewall import Firewall, FirewallArgs
from infra.aws.firewall_rules import MANAGED, REQUESTS
from ordering.errors import UserError
from tests.unit.mocks import Recording, record
from tests.unit.settings_source import settings

BALANCER = "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/app/k/1"
ADDRESS: dict[str, Any] = {
    "addressHost": "kubeflow.example.com",
    "addressZone": "Z0123456789ABCDEFGHIJ",
    "addressCidrs": ["203.0.113.0/24"],
}


@pytest.fixture(scope="module")
def made() -> Recording:
    return record(lambda: Firewall("kubeflow-dev", FirewallArgs(balancer_arn=BALANCER, tags={"team": "ml"})))


def test_it_lets_in_what_no_rule_stops_and_stands_before_the_load_balancer(made: Recording) -> None:
    acl = made.one("WebAcl")
    assert acl.inputs["scope"] == "REGIONAL"
    assert acl.inputs["defaultAction"] == {"allow": {}}
    assert acl.inputs["tags"] == {"team": "ml"}
    assert made.one("WebAclAssociation").inputs["resourceArn"] == BALANCER


def test_notebooks_and_pipelines_are_no_attack(made: Recording) -> None:
    rules = {one["name"]: one for one in made.one("WebAcl").inputs["rules"]}
    assert [one["priority"] for one in rules.values()] == list(range(len(MANAGED) + 1))
    common = rules["AWSManagedRulesCommonRuleSet"]
    assert common["overrideAction"] == {"none": {}}, "what is not named blocks"
    overridden = common["statement"]["managedRuleGroupStatement"]["ruleActionOverrides"]
    counted = {one["name"] for one in overridden}
    assert counted >= {"SizeRestrictions_BODY", "CrossSiteScripting_BODY"}
    # Jupyter has a file's name in the path, to open and to download it; other pages have it behind the question mark.
    assert counted >= {"RestrictedExtensions_URIPATH", "RestrictedExtensions_QUERYARGUMENTS"}
    assert {str(one["actionToUse"]) for one in overridden} == {"{'count': {}}"}
    flood = rules["flood"]
    assert flood["action"] == {"block": {}}
    assert flood["statement"]["rateBasedStatement"] == {"limit": REQUESTS, "aggregateKeyType": "IP"}


def test_it_is_off_unless_it_is_wanted_and_nothing_without_an_address() -> None:
    assert settings(**ADDRESS).address == settings(**ADDRESS, addressWaf=False).address
    wanted = settings(**ADDRESS, addressWaf=True).address
    assert wanted is not None
    assert wanted.waf
    with pytest.raises(UserError, match="addressWaf is set, and addressHost is not"):
        settings(addressWaf=True)
