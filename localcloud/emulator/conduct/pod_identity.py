"""EKS Pod Identity: associations of roles that are there, the credentials of a pod, and policies that ask where it is.

Who asks for a pod's credentials is the agent on its node, signed as the node (eks-pod-identity-agent v0.1.37,
internal/cloud/eksauth/service.go); EKS takes the role that the account of the pod's token is associated with, and tags
the session with where the pod is. MiniStack keeps associations, and has neither that action, nor tags of associations,
nor variables in policies.
"""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.iam_evaluator import AuthError, EvalContext, EvalResult, ParsedStatement
from ministack.core.responses import request_scope
from ministack.services import eks, iam, sts

from localcloud.emulator import tokens

AUDIENCE = "pods.eks.amazonaws.com"
ACTION = "eks-auth:AssumeRoleForPodIdentity"
HOURS = 6
"""For which the credentials are good (EKS user guide, "EKS Pod Identity")."""

_VARIABLE = re.compile(r"\$\{([^}*?$]+)\}")
# What no value is like: a statement with a variable that has no value does not apply (IAM user guide, "Policy
# variables").
_NOTHING = "\0"


class FaultError(Exception):
    """Why a pod gets no credentials, as EKS says it: the name of the error, its status and a message."""

    def __init__(self, name: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.name, self.status = name, status


def assume(
    cluster: str, body: bytes, public_key: bytes, *, access_key: str, account: str, region: str
) -> dict[str, Any]:
    """The credentials of the pod whose token it is, for an agent that signs with this key; FaultError where it is none.

    Account and region are those that the key and its signature are for.
    """
    with request_scope(account, region):
        arn = f"arn:aws:eks:{region}:{account}:cluster/{cluster}"
        refused = iam_evaluator.enforce(access_key, ACTION, "eks-auth", region, arn)
        if isinstance(refused, AuthError | EvalResult):
            raise FaultError("AccessDeniedException", f"not authorized to perform {ACTION} on {arn}")
        claims = _claims(body, public_key)
        place = claims["kubernetes.io"]
        found = _association(cluster, place["namespace"], place["serviceaccount"]["name"])
        tags = {
            "eks-cluster-arn": arn,
            "eks-cluster-name": cluster,
            "kubernetes-namespace": place["namespace"],
            "kubernetes-service-account": place["serviceaccount"]["name"],
            "kubernetes-pod-name": place["pod"]["name"],
            "kubernetes-pod-uid": place["pod"]["uid"],
        }
        return _session(found, tags, account, region)


def _claims(body: bytes, public_key: bytes) -> dict[str, Any]:
    try:
        claims = tokens.read(str(json.loads(body)["token"]), public_key)
    except tokens.BadTokenError as bad:
        name = "ExpiredTokenException" if "expired" in str(bad) else "InvalidTokenException"
        raise FaultError(name, str(bad)) from None
    except (ValueError, KeyError, TypeError):
        raise FaultError("InvalidParameterException", "there is no token") from None
    if claims.get("aud") != [AUDIENCE]:
        raise FaultError("InvalidTokenException", f"the token's audience is not {AUDIENCE}")
    if "pod" not in claims.get("kubernetes.io", {}):
        raise FaultError("InvalidTokenException", "the token is not bound to a pod")
    return claims


def _association(cluster: str, namespace: str, account: str) -> dict[str, Any]:
    for key, one in eks._pod_identity_associations.items():
        if key.startswith(f"{cluster}\0") and (one["namespace"], one["serviceAccount"]) == (namespace, account):
            found: dict[str, Any] = one
            return found
    raise FaultError("ResourceNotFoundException", f"no association found for {namespace}/{account}", 404)


def _session(found: Mapping[str, Any], tags: Mapping[str, str], account: str, region: str) -> dict[str, Any]:
    role_arn = found["roleArn"]
    role = iam._roles.get(role_arn.rpartition("/")[2])
    if role is None or not all(_trusts(role, action, tags, account, region) for action in ("AssumeRole", "TagSession")):
        raise FaultError("AccessDeniedException", f"EKS may not take the role {role_arn} for this pod")
    name = f"eks-{found['clusterName']}-{tags['kubernetes-pod-name']}"[:64]
    assumed = f"arn:aws:sts::{account}:assumed-role/{role_arn.rpartition('/')[2]}/{name}"
    key, secret, token = iam._gen_session_access_key(), iam._gen_secret(), iam._gen_session_token()
    expires, id_ = time.time() + HOURS * 3600, f"{role['RoleId']}:{name}"
    sts.register_session(
        key,
        {
            "Arn": assumed,
            "UserId": id_,
            "SecretAccessKey": secret,
            "SessionToken": token,
            "Expiration": expires,
            "AccountId": account,
            "PrincipalType": "AssumedRole",
            "SessionTags": [] if found.get("disableSessionTags") else [{"Key": k, "Value": v} for k, v in tags.items()],
        },
    )
    return {
        "subject": {"namespace": found["namespace"], "serviceAccount": found["serviceAccount"]},
        "audience": AUDIENCE,
        "podIdentityAssociation": {name: found[name] for name in ("associationArn", "associationId")},
        "assumedRoleUser": {"arn": assumed, "assumeRoleId": id_},
        "credentials": {
            "accessKeyId": key,
            "secretAccessKey": secret,
            "sessionToken": token,
            "expiration": expires,
        },
    }


def _trusts(role: Mapping[str, Any], action: str, tags: Mapping[str, str], account: str, region: str) -> bool:
    """Whether a role's trust policy lets EKS do that for a pod; MiniStack takes no service for a principal."""
    document = json.loads(role["AssumeRolePolicyDocument"])
    statements = [
        {**one, "Principal": "*"}
        for one in document["Statement"]
        if iam_evaluator._service_principal_matches(one.get("Principal"), AUDIENCE)
    ]
    context = EvalContext(
        principal_arn=AUDIENCE,
        principal_type="Service",
        principal_account=account,
        action=f"sts:{action}",
        resource_arn=role["Arn"],
        region=region,
        request_tags=dict(tags),
        tag_keys=list(tags),
    )
    trusted: bool = iam_evaluator.evaluate_trust_policy({**document, "Statement": statements}, AUDIENCE, context)
    return trusted


def take_tags_of_associations() -> None:
    """Has MiniStack tag associations, which it makes with tags and then does not know by their ARN."""
    resolve = eks._resolve_tag_resource_arn

    def resolved(arn: str) -> Any:
        known = {one["associationArn"] for one in eks._pod_identity_associations.values()}
        return (arn, None) if arn in known else resolve(arn)

    eks._resolve_tag_resource_arn = resolved


def use_variables_of_policies() -> None:
    """Has MiniStack put a caller's tags in the place of `${aws:PrincipalTag/…}` in policies, as IAM does."""
    evaluate = iam_evaluator.evaluate

    def evaluated(ctx: EvalContext, policies: list[Any], *limits: list[Any]) -> EvalResult:
        layers = [[[_filled(one, ctx) for one in each] for each in layer] for layer in (policies, *limits)]
        result: EvalResult = evaluate(ctx, *layers)
        return result

    iam_evaluator.evaluate = evaluated


def _filled(statement: ParsedStatement, ctx: EvalContext) -> ParsedStatement:
    def value(text: Any) -> Any:
        if not isinstance(text, str):
            return [value(one) for one in text] if isinstance(text, list) else text
        return _VARIABLE.sub(lambda found: str(ctx.principal_keys.get(found[1].lower(), _NOTHING)), text)

    if "${" not in f"{statement.resources}{statement.not_resources}{statement.conditions}":
        return statement
    return replace(
        statement,
        resources=value(statement.resources),
        not_resources=value(statement.not_resources),
        conditions={
            operator: {key: value(expected) for key, expected in pairs.items()}
            for operator, pairs in statement.conditions.items()
        },
    )
