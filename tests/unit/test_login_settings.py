"""Who may sign in: what a stack may say of it, and the one sentence for what it may not."""

from typing import Any

import pytest

from infra.settings import Settings, SettingsError, load
from tests.unit.settings_source import DEFAULTS, SECRETS, TODAY, raw

OIDC: dict[str, Any] = {
    "login": "oidc",
    "loginIssuer": "https://id.example.com/company",
    "loginClientId": "kubeflow",
    "loginClientSecret": "a secret of theirs",
    "dashboardUser": "ada@example.com",
}
COGNITO: dict[str, Any] = {"login": "cognito", "dashboardUser": "ada@example.com"}
NONE: dict[str, Any] = {"cloud": "none", "clusterMode": "existing", "clusterContext": "lab"}


def read(stack: str = "dev", secrets: tuple[str, ...] = SECRETS, **changes: Any) -> Settings:
    return load("kubeflow", stack, raw(**changes), defaults=DEFAULTS, today=TODAY, secret_keys=secrets)


def test_a_company_s_login_needs_no_password_and_tells_no_secret() -> None:
    found = read(**OIDC, loginGroups=["ml"], loginDomains=["example.com"], loginTokens=True)
    login = found.login
    assert (login.kind, login.issuer, login.user_claim) == ("oidc", "https://id.example.com/company", "email")
    assert (login.groups_claim, login.groups, login.domains, login.tokens) == (
        "groups",
        ("ml",),
        ("example.com",),
        True,
    )
    assert found.dashboard.password.reveal() == ""
    assert "a secret of theirs" not in repr(found)


def test_a_user_pool_names_groups_in_its_own_way() -> None:
    login = read(**COGNITO, loginUsers=["grace@example.com"]).login
    assert (login.groups_claim, login.users) == ("cognito:groups", ("grace@example.com",))


def test_a_stack_without_a_cloud_may_have_a_company_s_login() -> None:
    assert read(**NONE, **OIDC).login.kind == "oidc"


@pytest.mark.parametrize(
    ("base", "changes", "sentence"),
    [
        ({}, {"login": "saml"}, "login 'saml' is not one of release, oidc, cognito."),
        (OIDC, {"loginIssuer": ""}, "loginIssuer is not set; "),
        (OIDC, {"loginIssuer": "http://id.example.com"}, "loginIssuer 'http://id.example.com' is not an issuer; "),
        (OIDC, {"loginIssuer": "https://id.example.com/?x=1"}, "loginIssuer 'https://id.example.com/?x=1' is not an "),
        (OIDC, {"loginIssuer": "https://[id"}, "loginIssuer 'https://[id' is not an issuer; "),
        (OIDC, {"loginClientId": ""}, "loginClientId is not set; "),
        (OIDC, {"loginClientId": "a b"}, "loginClientId 'a b' is not a client's id; "),
        (
            OIDC,
            {"loginClientSecret": ""},
            "loginClientSecret is not set; run `pulumi config set --secret loginClientSecret --stack dev` ",
        ),
        (OIDC, {"loginUserClaim": "a.b"}, "loginUserClaim 'a.b' is not a claim of a token at its top; "),
        (OIDC, {"loginGroupsClaim": ""}, "loginGroupsClaim '' is not a claim "),
        (OIDC, {"loginGroups": "ml"}, "loginGroups 'ml' is not a list of texts."),
        (OIDC, {"loginGroups": ["ml*"]}, "loginGroups 'ml*' is not a group's name; "),
        (OIDC, {"loginGroups": ["ml", "ml"]}, "loginGroups names 'ml' twice; keep one."),
        (OIDC, {"loginDomains": ["@example.com"]}, "loginDomains '@example.com' is not a domain; "),
        (OIDC, {"loginDomains": ["localhost"]}, "loginDomains 'localhost' is not a domain; "),
        (OIDC, {"loginUsers": ["a@b.com"]}, "loginUsers is set, and the issuer has its own users; remove it."),
        (OIDC, {"dashboardUser": "user@example.com"}, "dashboardUser is user@example.com, whom oidc does not know; "),
        (OIDC, {"dashboardUser": "ada"}, "dashboardUser 'ada' is not an e-mail address; "),
        (OIDC, {"loginUserClaim": "sub", "dashboardUser": "a b"}, "dashboardUser 'a b' is not what a token's sub may "),
        (OIDC, {"loginDomains": ["other.com"]}, "dashboardUser ada@example.com is of no domain in loginDomains, "),
        (OIDC, {"kubeflowRelease": "pipelines-2.16.0"}, "login 'oidc' needs Kubeflow's gateway, and pipelines-2.16.0 "),
        (
            {},
            {"loginIssuer": "https://id.example.com"},
            "loginIssuer is set, and only login oidc reads it, not release",
        ),
        ({}, {"loginGroups": ["ml"]}, "loginGroups is set, and login is release, which asks none of it; remove it."),
        (COGNITO, {"loginClientId": "x"}, "loginClientId is set, and only login oidc reads it, not cognito; "),
        (COGNITO, {"loginUsers": ["ada"]}, "loginUsers 'ada' is not an e-mail address; "),
        (COGNITO, {"loginUserClaim": "sub"}, "loginUserClaim 'sub' does not go with cognito, "),
        (COGNITO, NONE, "login 'cognito' makes a user pool in AWS, and cloud is none; "),
    ],
)
def test_what_a_login_may_not_be(base: dict[str, Any], changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(**{"dashboardPassword": "correct horse battery", **base, **changes})
    (only,) = caught.value.problems
    assert only.startswith(sentence)
    assert only.endswith(".")


def test_a_client_s_secret_in_plain_text_is_refused_and_not_repeated() -> None:
    with pytest.raises(SettingsError) as caught:
        read(secrets=(), **OIDC)
    assert str(caught.value) == (
        "loginClientSecret is stored in plain text; run `pulumi config set --secret loginClientSecret --stack dev` to "
        "encrypt it."
    )


def test_a_laptop_whose_passphrase_is_public_takes_a_secret_as_it_takes_a_password() -> None:
    assert read(secrets=(), emulated=True, **OIDC).login.client_secret.reveal() == "a secret of theirs"
    with pytest.raises(SettingsError, match=r"write the client's secret into Pulumi\.local\.yaml"):
        read("local", emulated=True, **{**OIDC, "loginClientSecret": ""})


def test_a_stack_s_name_may_stand_in_the_way_of_a_user_pool_s_address() -> None:
    with pytest.raises(SettingsError, match="takes no 'aws' in its address"):
        read("laws", **COGNITO)
