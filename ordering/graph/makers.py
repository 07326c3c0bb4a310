"""What makes the kinds that no manifest defines: templates, operators' own resources, and controllers.

Some of it the manifests show: an object that is written like a definition names its kind, and a workload that makes
definitions has to be allowed to. The rest is a table, by the sources that stand beside its entries.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ordering.graph import kinds
from ordering.graph.ids import ObjectId
from ordering.graph.index import CRD, Platform, mapping, mappings
from ordering.graph.powers import Powers
from ordering.manifests.objects import Manifest

Kind = tuple[str, str]

# Objects whose controller installs definitions of these groups (patterns); sources as of November 2026.
_INSTALLS: Mapping[Kind, tuple[str, ...]] = {
    # knative/operator, cmd/operator/kodata/knative-{serving,eventing}.
    ("operator.knative.dev", "KnativeServing"): (
        *("serving.knative.dev", "autoscaling.internal.knative.dev", "caching.internal.knative.dev"),
        "networking.internal.knative.dev",
    ),
    ("operator.knative.dev", "KnativeEventing"): (
        *("eventing.knative.dev", "flows.knative.dev", "messaging.knative.dev", "sinks.knative.dev"),
        "sources.knative.dev",
    ),
    # tektoncd/operator, cmd/kubernetes/operator/kodata; TektonConfig makes the others.
    ("operator.tekton.dev", "TektonConfig"): ("tekton.dev", "*.tekton.dev"),
    ("operator.tekton.dev", "TektonPipeline"): ("tekton.dev", "resolution.tekton.dev"),
    ("operator.tekton.dev", "TektonTrigger"): ("triggers.tekton.dev",),
    # tigera/operator, pkg/crds.
    ("operator.tigera.io", "Installation"): ("crd.projectcalico.org", "projectcalico.org"),
    ("operator.tigera.io", "APIServer"): ("projectcalico.org",),
    # kubevirt/kubevirt, pkg/virt-operator/resource/generate/components/crds.go.
    ("kubevirt.io", "KubeVirt"): ("kubevirt.io", "*.kubevirt.io"),
    ("cdi.kubevirt.io", "CDI"): ("cdi.kubevirt.io", "*.cdi.kubevirt.io"),
    # crossplane/crossplane, internal/controller/pkg/revision: packages of providers bring their own.
    ("pkg.crossplane.io", "Provider"): ("*.crossplane.io", "*.upbound.io"),
}
# Groups that only look like a part of those patterns: their definitions come with an operator of their own, or with
# the very one that such an object is for (crossplane/crossplane, cluster/crds; tektoncd/operator; CDI's operator).
_APART = frozenset(
    {
        *("apiextensions.crossplane.io", "ops.crossplane.io", "pkg.crossplane.io", "protection.crossplane.io"),
        *("cdi.kubevirt.io", "operator.tekton.dev"),
    }
)
# Objects that install what their source holds, which the manifests do not show.
_DELIVERS = frozenset(
    {
        ("argoproj.io", "Application"),
        ("helm.cattle.io", "HelmChart"),
        ("helm.toolkit.fluxcd.io", "HelmRelease"),
        ("kappctrl.k14s.io", "App"),
        ("kustomize.toolkit.fluxcd.io", "Kustomization"),
        ("operators.coreos.com", "Subscription"),
        ("packaging.carvel.dev", "PackageInstall"),
        ("pkg.crossplane.io", "Configuration"),
    }
)


@dataclass(frozen=True)
class Maker:
    """An object without which a kind does not come to be; `named` says that it is made for this kind or its group."""

    id: ObjectId
    named: bool


class Makers:
    """For each kind of the manifests that nothing there defines, what makes it."""

    def __init__(self, platform: Platform, powers: Powers) -> None:
        aggregated = {
            (spec.get("group"), spec.get("version"))
            for spec in (mapping(platform.objects[i].get("spec")) for i in platform.of_kind(*_API_SERVICE))
            if spec.get("service")
        }
        self._platform, self._powers = platform, powers
        self._templates = _templates(platform)
        self._defining = [
            workload
            for workload in platform.workloads.values()
            if powers.may(workload, ("create",), CRD[0], "customresourcedefinitions")
        ]
        self.of: dict[ObjectId, tuple[Maker, ...]] = {}
        by_kind: dict[Kind, list[Maker]] = {}
        for id_ in platform.objects:
            kind, version = (id_.group, id_.kind), id_.api_version.rpartition("/")[2]
            if kind in platform.definitions or id_.group in kinds.BUILT_IN_GROUPS or (id_.group, version) in aggregated:
                continue
            if kind not in by_kind:
                by_kind[kind] = list(self._makers(kind))
            self.of[id_] = tuple(maker for maker in by_kind[kind] if maker.id != id_)

    def _makers(self, kind: Kind) -> Iterator[Maker]:
        """What names the kind or its group; where nothing does, what may make any."""
        group = kind[0]
        named = [*self._templates.get(kind, ())]
        for installer, groups in _INSTALLS.items():
            apart = group in _APART and group not in groups
            if installer != kind and not apart and any(fnmatchcase(group, pattern) for pattern in groups):
                named += self._platform.of_kind(*installer)
        named += [workload.id for workload in self._defining if self._powers.names_group(workload, group)]
        if named:
            yield from (Maker(id_, named=True) for id_ in named)
            return
        for other in _DELIVERS - {kind}:
            yield from (Maker(id_, named=False) for id_ in self._platform.of_kind(*other))
        for workload in self._defining:
            if self._powers.may(workload, ("get", "update", "watch"), group, "*"):
                yield Maker(workload.id, named=False)


_API_SERVICE = ("apiregistration.k8s.io", "APIService")


def _templates(platform: Platform) -> dict[Kind, list[ObjectId]]:
    found: dict[Kind, list[ObjectId]] = defaultdict(list)
    for id_, manifest in platform.objects.items():
        if id_.group not in kinds.BUILT_IN_GROUPS:
            for kind in _made(id_, manifest):
                found[kind].append(id_)
    return found


def _made(id_: ObjectId, manifest: Manifest) -> Iterator[Kind]:
    """The kinds that a custom resource is a template of."""
    spec = mapping(manifest.get("spec"))
    match id_.group, id_.kind:
        case "templates.gatekeeper.sh", "ConstraintTemplate":
            # open-policy-agent/frameworks, constraint/pkg/client/crds: the group is fixed.
            names = mapping(mapping(mapping(spec.get("crd")).get("spec")).get("names"))
            yield "constraints.gatekeeper.sh", str(names.get("kind"))
        case "kro.run", "ResourceGraphDefinition":
            # kubernetes-sigs/kro, api/v1alpha1/resourcegraphdefinition_types.go.
            schema = mapping(spec.get("schema"))
            yield str(schema.get("group") or "kro.run"), str(schema.get("kind"))
        case "operators.coreos.com", "ClusterServiceVersion":
            for owned in mappings(mapping(spec.get("customresourcedefinitions")).get("owned")):
                yield str(owned.get("name")).partition(".")[2], str(owned.get("kind"))
        case _:
            # Written like a definition, as Crossplane's CompositeResourceDefinition is, with the kind of its claims.
            if isinstance(group := spec.get("group"), str):
                for field in ("names", "claimNames"):
                    if isinstance(made := mapping(spec.get(field)).get("kind"), str):
                        yield group, made
