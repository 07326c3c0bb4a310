"""What an earlier run has sent: the program decides by it what has to be made again."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from ordering.graph.ids import ObjectId
from ordering.manifests.objects import Manifest

UNJUDGED = "kubeflow-on-pulumi/unjudged"
"""An annotation without a value in previews: of an object that has one the plugin asks for no dry run.

The API server would refuse that of an object which is deleted first, and with it the preview. (`hasComputedValue` in
`Create` and `Update` of provider/pkg/provider/provider.go of pulumi-kubernetes 4.32; for errors that say "field is
immutable" alone await.go helps itself.)
"""


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """Objects of today's graph as an earlier run sent them, in whatever version.

    `migrating` are definitions that drop a version in which objects are still stored: until these are rewritten the API
    server refuses the update, and so its dry run. `ahead` is what has to be done right before an object is sent, if it
    is to be changed at all; where that raises, neither the object is sent nor what needs it.
    """

    sent: Mapping[ObjectId, Manifest] = field(default_factory=dict)
    migrating: Collection[ObjectId] = ()
    ahead: Mapping[ObjectId, Callable[[], None]] = field(default_factory=dict)
