"""A place of the stack's own for people who may sign in: a Cognito user pool."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_aws import cognito

from infra.aws import iam


@dataclass(frozen=True, kw_only=True)
class UserPoolArgs:
    """A user pool, reached under `prefix` in Cognito's own domain, with one client and its first users.

    `users` are e-mail addresses, each invited by mail, and in each of the `groups`. `callback` is where the client
    takes people back after they have signed in, `home` after they have left. With `protect` the pool cannot be deleted.
    """

    prefix: str
    region: str
    users: tuple[str, ...]
    groups: tuple[str, ...]
    callback: str
    home: str
    protect: bool
    tags: Mapping[str, str]


class UserPool(pulumi.ComponentResource):
    """People sign in with their e-mail address; nobody registers, and whoever wants to may use a second factor."""

    issuer: pulumi.Output[str]
    host: pulumi.Output[str]
    """Where people sign in and out."""
    client_id: pulumi.Output[str]
    client_secret: pulumi.Output[str]

    def __init__(self, name: str, args: UserPoolArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kubeflow:infra:UserPool", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        pool = cognito.UserPool(
            f"{name}-users",
            name=f"{name}-users",
            username_attributes=["email"],
            auto_verified_attributes=["email"],
            admin_create_user_config={"allow_admin_create_user_only": True},
            password_policy={
                "minimum_length": 12,
                "require_lowercase": True,
                "require_uppercase": True,
                "require_numbers": True,
                "require_symbols": False,
                "temporary_password_validity_days": 7,
            },
            mfa_configuration="OPTIONAL",
            software_token_mfa_configuration={"enabled": True},
            account_recovery_setting={"recovery_mechanisms": [{"name": "verified_email", "priority": 1}]},
            deletion_protection="ACTIVE" if args.protect else "INACTIVE",
            tags=dict(args.tags),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        domain = cognito.UserPoolDomain(f"{name}-sign-in", domain=args.prefix, user_pool_id=pool.id, opts=child)
        client = cognito.UserPoolClient(
            f"{name}-platform",
            name=f"{name}-platform",
            user_pool_id=pool.id,
            generate_secret=True,
            allowed_oauth_flows_user_pool_client=True,
            allowed_oauth_flows=["code"],
            allowed_oauth_scopes=["openid", "email", "profile"],
            supported_identity_providers=["COGNITO"],
            callback_urls=[args.callback],
            logout_urls=[args.home],
            prevent_user_existence_errors="ENABLED",
            enable_token_revocation=True,
            opts=child,
        )
        groups = {
            group: cognito.UserGroup(f"{name}-{group}", name=group, user_pool_id=pool.id, opts=child)
            for group in args.groups
        }
        for email in args.users:
            user = cognito.User(
                f"{name}-{email}",
                user_pool_id=pool.id,
                username=email,
                attributes={"email": email, "email_verified": "true"},
                desired_delivery_mediums=["EMAIL"],
                opts=child,
            )
            for group, made in groups.items():
                cognito.UserInGroup(
                    f"{name}-{email}-{group}",
                    user_pool_id=pool.id,
                    group_name=made.name,
                    username=user.username,
                    opts=child,
                )
        part = iam.partition(args.region)
        suffix = ".cn" if part == "aws-cn" else ""
        # Of GovCloud's domains, which are FIPS endpoints alone (AWS GovCloud (US) user guide, "Amazon Cognito").
        sign_in = "auth-fips" if part == "aws-us-gov" else "auth"
        self.issuer = pulumi.Output.concat(f"https://cognito-idp.{args.region}.amazonaws.com{suffix}/", pool.id)
        self.host = pulumi.Output.concat(domain.domain, f".{sign_in}.{args.region}.amazoncognito.com")
        self.client_id = client.id
        self.client_secret = pulumi.Output.secret(client.client_secret)
        self.register_outputs({})
