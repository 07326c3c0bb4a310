"""Whether AWS has the endpoints that a network without a way out needs, in each of its zones."""

from collections.abc import Iterator

import boto3

from infra.aws.apis import endpoint_service, services
from infra.settings import Settings
from ops.doctor.finding import Finding, broken, ok


def check_endpoints(settings: Settings) -> Iterator[Finding]:
    """An endpoint stands in a subnet only where AWS offers its API, and that differs by zone and account."""
    if settings.network.nat != "none":
        return
    ec2 = boto3.client("ec2", region_name=settings.region)
    wanted = {endpoint_service(settings.region, one): one for one in services(settings)}
    answer = ec2.describe_vpc_endpoint_services(
        Filters=[
            {"Name": "service-name", "Values": sorted(wanted)},
            {"Name": "service-type", "Values": ["Interface"]},
        ]
    )
    zones = {wanted[one["ServiceName"]]: set(one["AvailabilityZones"]) for one in answer["ServiceDetails"]}
    if missing := sorted(set(wanted.values()) - zones.keys()):
        found = f"{settings.region} has no endpoints of {', '.join(missing)}"
        yield broken("endpoints", found, "set networkNat to single, or leave out the option that asks it")
    lacking = {zone for offered in zones.values() for zone in settings.network.zones if zone not in offered}
    for zone in sorted(lacking):
        without = ", ".join(sorted(one for one, offered in zones.items() if zone not in offered))
        yield broken("endpoints", f"{zone} has none of {without}", f"leave {zone} out of networkZones")
    if not missing and not lacking:
        yield ok("endpoints", f"{len(wanted)} APIs have them in each zone")
