"""What has to answer before a run starts: AWS, and a cluster that exists."""

import base64
import json
import ssl
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
import yaml

from infra import images, versions
from infra.api import client_of
from infra.aws import hosts, kept
from infra.kubeflow import classes
from infra.kubeflow.sealed import Seal
from infra.settings import Settings
from ordering.errors import UserError
from ordering.manifests import parse
from ordering.manifests.objects import Manifest

if TYPE_CHECKING:
    from infra.aws.database import Parameter

T = TypeVar("T")

_TIMEOUT_SECONDS = 5
_NAMED = 3
"""Claims that an error names."""

# What a kubeconfig says of a cluster and is read here (client-go, tools/clientcmd/api/v1, Cluster).
_TEXTS = ("server", "proxy-url", "certificate-authority", "certificate-authority-data")


@dataclass(frozen=True)
class Caller:
    """Who the AWS credentials belong to."""

    account: str
    arn: str

    @property
    def principal(self) -> str:
        """The user or role, as access entries name it; of a role's session AWS does not tell the role's path."""
        kind, _, rest = self.arn.rpartition(":")[2].partition("/")
        if kind != "assumed-role":
            return self.arn
        return f"{self.arn.replace(':sts:', ':iam:').rpartition(':')[0]}:role/{rest.partition('/')[0]}"

    def is_principal(self, arn: str) -> bool:
        """Whether an ARN, with its path or without, is that of this user or role."""
        return _without_path(arn) == _without_path(self.principal)


def check_emulator(env: Mapping[str, str]) -> None:
    """UserError unless AWS's endpoint is on this machine: it must never meet a real account."""
    host = urllib.parse.urlsplit(env.get("AWS_ENDPOINT_URL", "")).hostname
    if host not in ("127.0.0.1", "::1", "localhost"):
        where = f"is {env['AWS_ENDPOINT_URL']}" if env.get("AWS_ENDPOINT_URL") else "is not set"
        raise UserError(
            f"This stack is emulated, and AWS_ENDPOINT_URL {where}, not an address of this machine: run it with `make "
            "up`, or set `emulated` to false."
        )


def check_aws(region: str) -> Caller:
    """Ask AWS who is calling; UserError when there are no credentials, they are refused, or AWS does not answer."""
    # boto3 takes 0.3 s to import, and only this function needs it.
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, ProfileNotFound

    config = Config(connect_timeout=_TIMEOUT_SECONDS, read_timeout=_TIMEOUT_SECONDS, retries={"max_attempts": 2})
    try:
        client = boto3.Session(region_name=region).client("sts", config=config)
        identity = client.get_caller_identity()
    except (NoCredentialsError, ProfileNotFound) as error:
        raise UserError(f"There are no AWS credentials ({_first_line(error)}); run `aws configure`.") from None
    except ClientError as error:
        reason = error.response.get("Error", {}).get("Code", "unknown reason")
        raise UserError(f"AWS refuses the credentials ({reason}); renew them, for example with `aws login`.") from None
    except BotoCoreError as error:
        raise UserError(f"AWS does not answer in {region} ({_first_line(error)}); check the network.") from None
    return Caller(account=identity["Account"], arn=identity["Arn"])


def check_kept(settings: Settings) -> kept.Kept:
    """What an earlier life of the stack left in AWS; UserError when AWS does not answer, or a name is taken."""
    return _asked(settings, lambda client: kept.look(client, settings))


def check_address(settings: Settings) -> None:
    """UserError when the zone or the certificate of the stack's address is not for its host, or AWS does not answer."""
    if (address := settings.address) is not None:
        _asked(settings, lambda client: hosts.check(client, address, settings.name))


def check_database(settings: Settings) -> "list[Parameter]":
    """The parameters that the stack's managed database needs of RDS, as far as that has them.

    UserError when RDS does not offer the database, or AWS does not answer.
    """
    if (database := settings.database) is None:
        return []
    from infra.aws import managed  # which imports the SDK

    def ask(client: Callable[[str], Any]) -> "list[Parameter]":
        rds = client("rds")
        managed.check(rds, database, settings.network.zones)
        return managed.native_password(rds)

    return _asked(settings, ask)


def check_images(settings: Settings, seal: Seal, objects: Sequence[Manifest], root: Path) -> str:
    """Says which images of these objects must be copied to ECR first; empty for none.

    UserError for one that the lock misses, a secret that is not there, or AWS when it does not answer.
    """
    images.check_lock(settings, seal, objects, root)

    def ask(client: Callable[[str], Any]) -> str:
        images.check_secrets(client, settings)
        return images.sentence(settings, images.absent(client("ecr"), seal, objects))

    return _asked(settings, ask)


def _asked(settings: Settings, ask: Callable[[Callable[[str], Any]], T]) -> T:
    """What AWS says; UserError when it does not."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    config = Config(connect_timeout=_TIMEOUT_SECONDS, read_timeout=_TIMEOUT_SECONDS, retries={"max_attempts": 4})
    session: Any = boto3.Session(region_name=settings.region)
    try:
        return ask(lambda service: session.client(service, config=config))
    except (BotoCoreError, ClientError) as error:
        raise UserError(f"AWS does not say what is there in {settings.region} ({_first_line(error)}).") from None


def read_kubeconfig(value: str, folder: Path) -> str:
    """A kubeconfig's content, given as such or as a path (relative to `folder`, `~` allowed)."""
    if "\n" in value or value.startswith("{"):
        return value
    try:
        return (folder / Path(value).expanduser()).read_text(encoding="utf-8")
    except (OSError, RuntimeError, ValueError) as error:
        # No such user's home, or bytes that are no text.
        reason = error.strerror if isinstance(error, OSError) else "it is not text" if "codec" in str(error) else error
        raise UserError(f"The kubeconfig {value} cannot be read ({reason}); set clusterKubeconfig.") from None


def of_context(kubeconfig: str, context: str | None) -> str:
    """A kubeconfig with nothing but one context and what that names, so that no other cluster's keys go anywhere.

    As it is for no context, or for one that it does not have, which `check_cluster` names.
    """
    config = parse.only(parse.parse(kubeconfig.encode(errors="replace"), "clusterKubeconfig"), "clusterKubeconfig")
    chosen = (_named(config, "contexts", "context") or {}).get(str(context))
    if context is None or chosen is None:
        return kubeconfig
    kept = {"contexts": context, "clusters": chosen.get("cluster"), "users": chosen.get("user")}
    lists = {many: [one for one in config.get(many) or () if _is_named(one, name)] for many, name in kept.items()}
    return yaml.safe_dump({**config, **lists, "current-context": context}, sort_keys=True)


def _is_named(entry: Any, name: object) -> bool:
    return isinstance(entry, dict) and entry.get("name") == name


def check_cluster(kubeconfig: str, context: str | None = None) -> str:
    """The Kubernetes version (`v1.35.4`) of a kubeconfig's cluster, or an empty text if it tells nobody.

    UserError when the kubeconfig is no such thing, lacks the context, or its server does not answer.
    """
    cluster, context = _cluster_of(kubeconfig, context)
    server = str(cluster.get("server", ""))
    try:
        with httpx.Client(verify=_tls(cluster), timeout=_TIMEOUT_SECONDS, proxy=cluster.get("proxy-url")) as client:
            # Anonymous, since the version is public unless a cluster forbids it: any answer at all says it is there.
            answer = client.get(f"{server.rstrip('/')}/version")
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError, ValueError) as error:
        raise UserError(
            f"The cluster of context {context!r} at {server or 'no address'} cannot be reached ({_first_line(error)}); "
            "check the kubeconfig and the network."
        ) from None
    if answer.status_code != httpx.codes.OK:
        return ""
    try:
        return str(answer.json()["gitVersion"])
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{server} of context {context!r} answers, but is not a Kubernetes API server.") from None


def check_default_class(kubeconfig: str, context: str | None, claims: Sequence[str]) -> bool:
    """Whether the cluster has a StorageClass for claims that name none; UserError where it has none, and such are sent.

    Their pods would wait for volumes until the run gives up, 20 minutes later. False where it is not known: a cluster
    that does not let one ask is left to the run.
    """
    if not claims:
        return True
    found = storage_classes(kubeconfig, context)
    if found is None:
        return False
    if any(classes.is_default(one) for one in found):
        return True
    more = f" and {len(claims) - _NAMED} more" if len(claims) > _NAMED else ""
    names = ", ".join(str(one["metadata"]["name"]) for one in found)
    raise UserError(
        f"The cluster has no default StorageClass, which {', '.join(claims[:_NAMED])}{more} would take; mark one of "
        f"its own ({names or 'it has none'}) with `kubectl annotate storageclass NAME {classes.DEFAULT}=true`."
    )


def storage_classes(kubeconfig: str, context: str | None) -> list[dict[str, Any]] | None:
    """The StorageClasses of a kubeconfig's cluster; None where it does not tell."""
    # Only an existing cluster is asked, and the client takes half a second to import.
    from kubernetes import client, config  # type: ignore[import-untyped]
    from urllib3.exceptions import HTTPError

    try:
        api = client.StorageV1Api(client_of(kubeconfig, context))
        answer = api.list_storage_class(_preload_content=False, _request_timeout=_TIMEOUT_SECONDS)
        items: list[dict[str, Any]] = json.loads(answer.data)["items"]
        return items
    except (config.ConfigException, client.ApiException, HTTPError, OSError, ValueError, KeyError):
        return None


def check_kubernetes_version(version: str, release: str) -> None:
    """UserError when a cluster is too old for a Kubeflow release; an unknown version or release passes."""
    lowest = versions.KUBEFLOW_MINIMUM_KUBERNETES.get(release)
    if version and lowest and versions.minor(version) < versions.minor(lowest):
        raise UserError(f"Kubeflow {release} needs Kubernetes {lowest} or newer, and the cluster runs {version}.")


def check_live_version(live: str, wanted: str, stack: str) -> None:
    """UserError when a cluster that runs one Kubernetes cannot become one of another; an unknown version passes.

    EKS goes back to no version and skips none, and upgrades a cluster with support type STANDARD by itself when its
    version leaves standard support (EKS user guide, "Understand the Kubernetes version lifecycle on EKS").
    """
    if not live:
        return
    (major, now), (_, then) = versions.minor(live), versions.minor(wanted)
    if then < now:
        pinned = "" if live in versions.KUBERNETES else f"run `make versions STACK={stack}`, and "
        raise UserError(
            f"The cluster runs Kubernetes {live}, and clusterVersion is {wanted}: EKS upgrades by itself what leaves "
            f"standard support, and never goes back; {pinned}set clusterVersion to {major}.{now}."
        )
    if then > now + 1:
        raise UserError(
            f"The cluster runs Kubernetes {live}, and EKS upgrades by one minor version at a time; set clusterVersion "
            f"to {major}.{now + 1} before {wanted}."
        )


def _cluster_of(kubeconfig: str, context: str | None) -> tuple[dict[str, Any], str]:
    """The cluster's part of a kubeconfig that a context names, and the context's name."""
    config = parse.only(parse.parse(kubeconfig.encode(errors="replace"), "clusterKubeconfig"), "clusterKubeconfig")
    contexts, clusters = _named(config, "contexts", "context"), _named(config, "clusters", "cluster")
    if contexts is None or clusters is None:
        raise UserError("clusterKubeconfig is not a kubeconfig: it has no list of contexts and clusters.")
    name = str(context or config.get("current-context") or "")
    if name not in contexts:
        known = ", ".join(sorted(contexts)) or "none"
        raise UserError(f"The kubeconfig has no context {name!r}; set clusterContext to one that it has ({known}).")
    cluster = clusters.get(str(contexts[name].get("cluster")))
    if cluster is None:
        raise UserError(f"The context {name!r} of the kubeconfig names a cluster that it does not describe.")
    for key in _TEXTS:
        if not isinstance(cluster.get(key, ""), str):
            raise UserError(f"The cluster of context {name!r} of the kubeconfig has a {key} that is not text.")
    return cluster, name


def _named(config: Any, many: str, one: str) -> dict[str, dict[str, Any]] | None:
    """The entries of a list of a kubeconfig, by name; those that describe nothing are left out. None for no list."""
    entries = config.get(many) if isinstance(config, dict) else None
    if not isinstance(entries, list):
        return None
    found = [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get(one), dict)]
    return {str(entry.get("name")): entry[one] for entry in found}


def _tls(cluster: dict[str, Any]) -> ssl.SSLContext | bool:
    if cluster.get("insecure-skip-tls-verify"):
        return False
    if data := cluster.get("certificate-authority-data"):
        return ssl.create_default_context(cadata=base64.b64decode(data).decode())
    if path := cluster.get("certificate-authority"):
        return ssl.create_default_context(cafile=path)
    return True


def _without_path(arn: str) -> str:
    start, _, what = arn.rpartition(":")
    kind, _, name = what.partition("/")
    return f"{start}:{kind}/{name.rpartition('/')[2]}"


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
