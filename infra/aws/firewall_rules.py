"""By what AWS WAF judges requests.

The rules are AWS's own, which it keeps up to date (AWS WAF developer guide, "AWS Managed Rules rule groups list"). Of
bodies most only count: what people send there is code, pages and notebooks, and looks like an attack.
"""

from collections.abc import Mapping

MANAGED: Mapping[str, tuple[str, ...]] = {
    "AWSManagedRulesAmazonIpReputationList": (),
    "AWSManagedRulesCommonRuleSet": (
        "CrossSiteScripting_BODY",
        "EC2MetaDataSSRF_BODY",
        "GenericLFI_BODY",
        "GenericRFI_BODY",
        # Names like `train.log` and `settings.ini`, which people open and download in a notebook.
        "RestrictedExtensions_QUERYARGUMENTS",
        "RestrictedExtensions_URIPATH",
        # 8 KiB, which a saved notebook and an uploaded pipeline exceed.
        "SizeRestrictions_BODY",
        # A sign-in carries its state and where it began in the address.
        "SizeRestrictions_QUERYSTRING",
    ),
    "AWSManagedRulesKnownBadInputsRuleSet": (),
}
"""The groups in the order in which they look, each with its rules that only count."""

REQUESTS = 20_000
"""Of one address in five minutes, at most: all of an office may come from one, and each open page asks now and then."""
