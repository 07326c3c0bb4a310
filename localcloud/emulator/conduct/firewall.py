"""What AWS WAF refuses beside what MiniStack does: an ACL that is used, and a load balancer that is not there.

AWS WAFV2 API reference, "DeleteWebACL" and "AssociateWebACL", of which the errors are.
"""

from ministack.services import alb, waf

from localcloud.emulator.conduct.before import Before, Request
from localcloud.emulator.conduct.phases import Answer


class Firewall(Before):
    """Before MiniStack's handler of WAFV2."""

    async def answer(self, asked: Request) -> Answer:
        return _refusal(asked) or await self.served(asked)


def _refusal(asked: Request) -> Answer | None:
    wanted = asked.json
    if asked.target == "AssociateWebACL" and wanted.get("ResourceArn") not in alb._lbs:
        told = "AWS WAF has no resource of that ARN."
        return waf._waf_err("WAFNonexistentItemException", told)  # type: ignore[no-any-return]
    if asked.target == "DeleteWebACL" and any(
        one.endswith(f"/{wanted.get('Id')}") for one in waf._associations.values()
    ):
        told = "AWS WAF keeps a resource that another one uses."
        return waf._waf_err("WAFAssociatedItemException", told)  # type: ignore[no-any-return]
    return None
