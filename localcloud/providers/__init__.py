"""Stand-ins for provider plugins that are not available: the same packages, served over Pulumi's provider protocol.

`python -m localcloud.providers NAME` serves one of them (aws, eks or random) on a free loopback port, prints
the port on its first line of output and runs until SIGTERM. The engine attaches by `PULUMI_DEBUG_PROVIDERS`.
"""
