"""The components of a stack, as they stand once the program has made them."""

from dataclasses import dataclass

from infra.aws.address import Address
from infra.aws.backup import Backup
from infra.aws.cluster import Cluster, ClusterAccess
from infra.aws.database import Database
from infra.aws.files import Files
from infra.aws.firewall import Firewall
from infra.aws.identity import Identity
from infra.aws.images import Images
from infra.aws.monitoring import Monitoring
from infra.aws.network import Network
from infra.aws.paging import Paging
from infra.aws.registry import Registry
from infra.aws.sagemaker import SageMaker
from infra.aws.storage import Storage


@dataclass(frozen=True, kw_only=True)
class Components:
    """Without `network` and `cluster` the stack uses a cluster that exists; `access` is there either way.

    Without a cloud there is `access` alone.
    """

    network: Network | None
    cluster: Cluster | None
    access: ClusterAccess
    files: Files | None
    images: Images | None
    address: Address | None
    firewall: Firewall | None
    database: Database | None
    backup: Backup | None
    monitoring: Monitoring | Paging | None
    registry: Registry | None
    storage: Storage | None
    identity: Identity | None
    sagemaker: SageMaker | None
