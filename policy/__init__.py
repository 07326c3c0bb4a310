"""What no stack may have: a policy pack, and the same rules over a preview.

`rules` holds plain functions from one resource to what is wrong with it. They run in two places:

- `check`, which `make preview` and `make up` call with the resources of the engine's events. It needs no plugin and
  therefore runs everywhere, on a laptop too. Secret values are masked in events, so a rule never sees them there.
- `python policy`, a pack for Pulumi's own analyzer (`pulumi preview --policy-pack policy`, or a policy group of Pulumi
  Cloud's kind that refers to a checkout). It sees secrets, and needs the plugins `pulumi-language-python` and
  `pulumi-analyzer-policy-python`, which come with the official download of the engine. It has an environment of its
  own, from `requirements.txt`: the SDK of policies wants an older protobuf than Kubeflow Pipelines does.
"""

from policy.model import UNKNOWN, Level, Resource, Rule, Violation, check, plain
from policy.rules import RULES

__all__ = ["RULES", "UNKNOWN", "Level", "Resource", "Rule", "Violation", "check", "plain"]
