"""What AWS does and MiniStack 1.5.33 leaves out: things take time, depend on each other, and are refused.

It stands before MiniStack's own handlers, behind the check of who may ask: so all callers meet it, the program's
provider as well as what asks AWS directly. `docs/fidelity.md` lists it.
"""

from typing import Any

from localcloud.emulator.conduct.address import Balancers, Certificates, NodeGroups
from localcloud.emulator.conduct.backup import Backup
from localcloud.emulator.conduct.budgets import use_permissions_of_aws
from localcloud.emulator.conduct.database import Database
from localcloud.emulator.conduct.eks import Eks
from localcloud.emulator.conduct.files import Files
from localcloud.emulator.conduct.firewall import Firewall
from localcloud.emulator.conduct.logs import Logs
from localcloud.emulator.conduct.network import Network
from localcloud.emulator.conduct.phases import Phases
from localcloud.emulator.conduct.pod_identity import take_tags_of_associations, use_variables_of_policies
from localcloud.emulator.conduct.registry import Registry


def install(application: Any, minute: float) -> None:
    """Put it before the handlers of MiniStack's module `app`; a minute of AWS takes `minute` seconds."""
    phases = Phases(minute)
    handlers = application.SERVICE_HANDLERS
    logs = Logs(phases, handlers["logs"])
    handlers["logs"] = logs
    handlers["ec2"] = Network(phases, handlers["ec2"])
    handlers["eks"] = Eks(phases, handlers["eks"], logs)
    handlers["ecr"] = Registry(phases, handlers["ecr"])
    handlers["backup"] = Backup(phases, handlers["backup"])
    handlers["rds"] = Database(phases, handlers["rds"])
    handlers["elasticfilesystem"] = Files(phases, handlers["elasticfilesystem"])
    handlers["elasticloadbalancing"] = Balancers(phases, handlers["elasticloadbalancing"])
    handlers["autoscaling"] = NodeGroups(phases, handlers["autoscaling"])
    handlers["wafv2"] = Firewall(phases, handlers["wafv2"])
    handlers["acm"] = Certificates(phases, handlers["acm"])
    use_permissions_of_aws()
    use_variables_of_policies()
    take_tags_of_associations()
