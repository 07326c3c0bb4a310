"""The credentials of one stack: what people chose, and random values that the stack's state keeps."""

import pulumi
import pulumi_random as random

from infra.kubeflow.credentials import GENERATED, SALT_SEED, Credentials, CredentialSpec, fingerprint, password_hash
from infra.settings import DashboardSettings


class GeneratedCredentials(pulumi.ComponentResource):
    """Random values made once and kept secret in the state, and the login made of them and of the person's password."""

    credentials: Credentials

    def __init__(self, name: str, args: DashboardSettings, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kubeflow:infra:Credentials", name, None, opts)
        self._name = name
        seed = self._random(SALT_SEED)
        hashed = seed.apply(lambda text: password_hash(args.password.reveal(), text))
        self.credentials = Credentials(
            email=args.user,
            password_hash=hashed,
            # Says only that something changed, and stands in a pod template that people shall be able to read.
            login_fingerprint=pulumi.Output.unsecret(hashed.apply(lambda text: fingerprint(args.user, text))),
            **{spec.name: self._random(spec) for spec in GENERATED},
        )
        self.register_outputs({})

    def _random(self, spec: CredentialSpec) -> pulumi.Output[str]:
        made = random.RandomPassword(
            f"{self._name}-{spec.name.replace('_', '-')}",
            length=spec.length,
            special=False,
            opts=pulumi.ResourceOptions(parent=self),
        )
        result: pulumi.Output[str] = made.result
        return result
