"""The table of tools: which version, how a copy on PATH is judged, where it is downloaded, what it is built from."""

import platform
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import SpecifierSet

HERE = Path(__file__).parent
PROJECT = HERE.parent

ACTIONLINT = "1.7.12"
CRANE = "0.22.1"
ETCD = "3.6.14"
KUBERNETES = "1.35.4"
KUSTOMIZE = "5.8.1"
KWOK = "0.7.0"
OAUTH2_PROXY = "7.15.6"
PULUMI = "3.259.0"
PULUMI_KUBERNETES = "4.34.2"
PULUMI_KUBERNETES_MODULE = "4.0.0-20260115033456-f47bc2d6f199"
"""The one version of `github.com/pulumi/pulumi-kubernetes/provider/v4` that the Go module proxy serves."""


PLATFORMS = (("linux", "amd64"), ("linux", "arm64"), ("darwin", "amd64"), ("darwin", "arm64"))
"""Operating systems and architectures that the project runs on, in Go's words."""


@dataclass(frozen=True, kw_only=True)
class Download:
    """An official release archive, and the program's path in it.

    Its sum is pinned in `sums.json`. Where it is not, `checksums` is asked, the release's own list of sums or one bare
    sum; None for a release without one.
    """

    url: str
    member: str
    checksums: str | None


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """Files that a main package of ours embeds, and that lie in a folder of a Go module."""

    module: str
    folder: str
    files: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ReleasedTool:
    """A program of somebody else's, at a pinned version.

    A copy on PATH is taken when its version is in `accepts`. Otherwise the pinned version is downloaded, or built from
    `package` with the go.mod and go.sum of the folder `tools/<module>`. Where the pinned version is not served as a Go
    module, `built_version` is what a build is of.
    """

    name: str
    version: str
    accepts: SpecifierSet
    module: str
    package: str
    stamps: tuple[str, ...] = ()
    """Go variables that hold the version, each set to `v<version>` by the linker."""
    constants: tuple[tuple[str, str], ...] = ()
    version_arguments: tuple[str, ...] = ("--version",)
    download: Download | None = None
    built_version: str | None = None
    embedded: Embedded | None = None

    @property
    def folder(self) -> Path:
        """The folder that holds the go.mod and go.sum of the build."""
        return HERE / self.module


@dataclass(frozen=True, kw_only=True)
class SourceTool:
    """A Go program of this project, built from `folder` and kept by the hash of its sources."""

    name: str
    folder: Path

    @property
    def package(self) -> str:
        """The main package, relative to the folder: `cmd/<name>` where there is one, else the folder itself."""
        return f"./cmd/{self.name}" if (self.folder / "cmd" / self.name).is_dir() else "."


Tool = ReleasedTool | SourceTool


def go_platform(system: str = platform.system(), machine: str = platform.machine()) -> tuple[str, str]:
    """This machine's operating system and architecture in Go's words, such as ("linux", "amd64")."""
    architecture = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64"}.get(machine, machine)
    return system.lower(), architecture


def _github(repository: str, tag: str, file: str) -> str:
    return f"https://github.com/{repository}/releases/download/{tag}/{file}"


def _kubernetes(name: str, accepts: str, system: str, architecture: str, arguments: tuple[str, ...]) -> ReleasedTool:
    # The changelog of Kubernetes has the sums of its archives, and none of single programs. All servers are in one.
    part = "client" if name == "kubectl" else "server"
    url = f"https://dl.k8s.io/v{KUBERNETES}/kubernetes-{part}-{system}-{architecture}.tar.gz"
    major, minor, _ = KUBERNETES.split(".")
    # The servers are released for Linux only.
    released = system == "linux" or name == "kubectl"
    variables = "k8s.io/component-base/version"
    user_agent = "k8s.io/client-go/pkg/version"
    return ReleasedTool(
        name=name,
        version=KUBERNETES,
        accepts=SpecifierSet(accepts),
        module="kubernetes",
        package=f"k8s.io/kubernetes/cmd/{name}",
        stamps=(f"{variables}.gitVersion", f"{user_agent}.gitVersion"),
        constants=((f"{variables}.gitMajor", major), (f"{variables}.gitMinor", minor)),
        version_arguments=arguments,
        download=Download(url=url, member=f"kubernetes/{part}/bin/{name}", checksums=f"{url}.sha512")
        if released
        else None,
    )


_CRANE = {"amd64": "x86_64"}
"""Architectures by which its archives are named otherwise than Go's."""


def catalog(system: str, architecture: str) -> dict[str, Tool]:
    """All tools by name, in the order in which they are brought: what is quick, or waited for, comes first."""
    pulumi_architecture = {"amd64": "x64"}.get(architecture, architecture)
    etcd_archive = f"etcd-v{ETCD}-{system}-{architecture}"
    kustomize_tag = f"kustomize%2Fv{KUSTOMIZE}"
    tools: list[Tool] = [
        ReleasedTool(
            name="kustomize",
            version=KUSTOMIZE,
            # 26.03 asks for 5.8; a later minor release may print objects differently.
            accepts=SpecifierSet("~=5.8.0"),
            module="kustomize",
            package="sigs.k8s.io/kustomize/kustomize/v5",
            version_arguments=("version",),
            download=Download(
                url=_github(
                    "kubernetes-sigs/kustomize", kustomize_tag, f"kustomize_v{KUSTOMIZE}_{system}_{architecture}.tar.gz"
                ),
                checksums=_github("kubernetes-sigs/kustomize", kustomize_tag, "checksums.txt"),
                member="kustomize",
            ),
        ),
        ReleasedTool(
            name="pulumi",
            version=PULUMI,
            # The Automation API of the SDK asks for an engine that is at least as new as itself.
            accepts=SpecifierSet(f">={PULUMI},<4"),
            module="pulumi",
            package="github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
            stamps=("github.com/pulumi/pulumi/sdk/v3/go/common/version.Version",),
            version_arguments=("version",),
            download=Download(
                url=_github("pulumi/pulumi", f"v{PULUMI}", f"pulumi-v{PULUMI}-{system}-{pulumi_architecture}.tar.gz"),
                checksums=_github("pulumi/pulumi", f"v{PULUMI}", f"pulumi-{PULUMI}-checksums.txt"),
                member="pulumi/pulumi",
            ),
        ),
        SourceTool(name="journal", folder=PROJECT / "state" / "journal"),
        ReleasedTool(
            name="pulumi-resource-kubernetes",
            version=PULUMI_KUBERNETES,
            # It is the SDK's other half, and does not tell its version on the command line.
            accepts=SpecifierSet(f"=={PULUMI_KUBERNETES}"),
            module="pulumi-kubernetes",
            package=".",
            stamps=("github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version.Version",),
            # The layout of .goreleaser.yml in pulumi-kubernetes; the list of sums has GoReleaser's default name. No sum
            # of 4.34.2 was found anywhere else, so none is pinned (November 2026).
            download=Download(
                url=_github(
                    "pulumi/pulumi-kubernetes",
                    f"v{PULUMI_KUBERNETES}",
                    f"pulumi-resource-kubernetes-v{PULUMI_KUBERNETES}-{system}-{architecture}.tar.gz",
                ),
                checksums=_github(
                    "pulumi/pulumi-kubernetes",
                    f"v{PULUMI_KUBERNETES}",
                    f"pulumi-kubernetes_{PULUMI_KUBERNETES}_checksums.txt",
                ),
                member="pulumi-resource-kubernetes",
            ),
            built_version=PULUMI_KUBERNETES_MODULE,
            embedded=Embedded(
                module="github.com/pulumi/pulumi-kubernetes/provider/v4",
                folder="cmd/pulumi-resource-kubernetes",
                files=("schema.json", "terraform-mapping.json"),
            ),
        ),
        SourceTool(name="controllers", folder=PROJECT / "localcloud" / "controllers"),
        ReleasedTool(
            name="etcd",
            version=ETCD,
            # Watches of Kubernetes 1.35 want progress notifications that 3.4 answers wrongly.
            accepts=SpecifierSet("~=3.6.0"),
            module="etcd",
            package="go.etcd.io/etcd/server/v3",
            download=Download(
                url=_github("etcd-io/etcd", f"v{ETCD}", f"{etcd_archive}.tar.gz"),
                checksums=_github("etcd-io/etcd", f"v{ETCD}", "SHA256SUMS"),
                member=f"{etcd_archive}/etcd",
            )
            if system == "linux"
            else None,
        ),
        *(
            _kubernetes(name, "~=1.35.0", system, architecture, ("--version",))
            for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
        ),
        # kubectl may be one minor version away from its server.
        _kubernetes("kubectl", ">=1.34,<1.37", system, architecture, ("version", "--client")),
        ReleasedTool(
            name="kwok",
            version=KWOK,
            accepts=SpecifierSet("~=0.7.0"),
            module="kwok",
            package="sigs.k8s.io/kwok/cmd/kwok",
            # No download: its releases carry no checksums, and no sum of theirs is published elsewhere.
        ),
        ReleasedTool(
            name="actionlint",
            version=ACTIONLINT,
            # Each release knows more of what a workflow may say, so an older one may pass what this one refuses.
            accepts=SpecifierSet(f">={ACTIONLINT},<2"),
            module="actionlint",
            package="github.com/rhysd/actionlint/cmd/actionlint",
            download=Download(
                url=_github(
                    "rhysd/actionlint", f"v{ACTIONLINT}", f"actionlint_{ACTIONLINT}_{system}_{architecture}.tar.gz"
                ),
                checksums=_github("rhysd/actionlint", f"v{ACTIONLINT}", f"actionlint_{ACTIONLINT}_checksums.txt"),
                member="actionlint",
            ),
        ),
        ReleasedTool(
            name="crane",
            version=CRANE,
            # It copies and asks for digests as any registry's own specification says; a later one may say it otherwise.
            accepts=SpecifierSet(f">={CRANE},<0.23"),
            module="crane",
            package="github.com/google/go-containerregistry/cmd/crane",
            version_arguments=("version",),
            stamps=("github.com/google/go-containerregistry/cmd/crane/cmd.Version",),
            download=Download(
                url=_github(
                    "google/go-containerregistry",
                    f"v{CRANE}",
                    f"go-containerregistry_{system.title()}_{_CRANE.get(architecture, architecture)}.tar.gz",
                ),
                checksums=_github("google/go-containerregistry", f"v{CRANE}", "checksums.txt"),
                member="crane",
            ),
        ),
        ReleasedTool(
            name="oauth2-proxy",
            version=OAUTH2_PROXY,
            # What manifests/login sends, and no other: the tests run it with the configuration of a stack.
            accepts=SpecifierSet(f"=={OAUTH2_PROXY}"),
            module="oauth2-proxy",
            package="github.com/oauth2-proxy/oauth2-proxy/v7",
            stamps=("github.com/oauth2-proxy/oauth2-proxy/v7/pkg/version.VERSION",),
        ),
    ]
    return {tool.name: tool for tool in tools}


TOOLS = catalog(*go_platform())
