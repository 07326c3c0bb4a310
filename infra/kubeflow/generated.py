"""The credentials of one stack: what people chose, and random values that the stack's state keeps."""

from typing import Any

import pulumi
import pulumi_random as random

from infra.kubeflow.credentials import (
    DATABASE_GENERATED,
    GENERATED,
    SALT_SEED,
    Credentials,
    CredentialSpec,
    checksum,
    password_hash,
)
from infra.settings import DashboardSettings


class GeneratedCredentials(pulumi.ComponentResource):
    """Random values made once and kept secret in the state, and the login made of them and of the person's password."""

    credentials: Credentials
    database: dict[str, pulumi.Output[str]]
    """The passwords that a managed database wants beside them, by name; none where there is none."""

    def __init__(
        self, name: str, args: DashboardSettings, *, database: bool = False, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("kubeflow:infra:Credentials", name, None, opts)
        self._name = name
        self._seed = self._random(SALT_SEED)
        hashed = self._seed.apply(lambda text: password_hash(args.password.reveal(), text))
        self.credentials = Credentials(
            email=args.user,
            password_hash=hashed,
            **{spec.name: self._random(spec) for spec in GENERATED},
        )
        self.database = {spec.name: self._random(spec) for spec in DATABASE_GENERATED if database}
        self.register_outputs({})

    def checksum(self, content: Any) -> pulumi.Output[str]:
        """A text that changes with the content, whatever of that is known only later, and is no secret itself."""
        known = pulumi.Output.all(pulumi.Output.json_dumps(content, sort_keys=True), self._seed)
        # Says only that something changed, and stands in a pod template that people shall be able to read.
        return pulumi.Output.unsecret(known.apply(lambda both: checksum(*both)))

    def _random(self, spec: CredentialSpec) -> pulumi.Output[str]:
        made = random.RandomPassword(
            f"{self._name}-{spec.name.replace('_', '-')}",
            length=spec.length,
            special=False,
            opts=pulumi.ResourceOptions(parent=self),
        )
        result: pulumi.Output[str] = made.result
        return result
