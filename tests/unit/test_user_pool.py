from infra.aws.user_pool import UserPool, UserPoolArgs
from tests.unit.mocks import Recording, record

NAME = "kubeflow-dev"


def pool(*, groups: tuple[str, ...] = (), protect: bool = False, region: str = "us-west-2") -> Recording:
    def program() -> dict[str, object]:
        made = UserPool(
            NAME,
            UserPoolArgs(
                prefix="kubeflow-dev-1",
                region=region,
                users=("ada@example.com", "grace@example.com"),
                groups=groups,
                callback="http://localhost:8080/oauth2/callback",
                home="http://localhost:8080/",
                protect=protect,
                tags={"team": "ml"},
            ),
        )
        return {
            "issuer": made.issuer,
            "host": made.host,
            "id": made.client_id,
            "secret": made.client_secret.is_secret(),
        }

    return record(program)


def test_nobody_makes_a_user_but_whoever_runs_the_pool() -> None:
    made = pool().one("UserPool", f"{NAME}-users").inputs
    assert made["adminCreateUserConfig"] == {"allowAdminCreateUserOnly": True}
    assert (made["usernameAttributes"], made["tags"]) == (["email"], {"team": "ml"})


def test_the_client_has_a_secret_and_one_way_back() -> None:
    found = pool()
    made = found.one("UserPoolClient").inputs
    assert (made["generateSecret"], made["allowedOauthFlows"]) == (True, ["code"])
    assert made["callbackUrls"] == ["http://localhost:8080/oauth2/callback"]
    assert made["logoutUrls"] == ["http://localhost:8080/"]
    assert found.result == {
        "issuer": f"https://cognito-idp.us-west-2.amazonaws.com/{NAME}-users-id",
        "host": "kubeflow-dev-1.auth.us-west-2.amazoncognito.com",
        "id": f"{NAME}-platform-id",
        "secret": True,
    }


def test_in_govcloud_people_sign_in_at_its_own_domain() -> None:
    found = pool(region="us-gov-west-1").result
    assert found["host"] == "kubeflow-dev-1.auth-fips.us-gov-west-1.amazoncognito.com"
    assert str(found["issuer"]).startswith("https://cognito-idp.us-gov-west-1.amazonaws.com/")


def test_the_first_users_are_invited_and_in_each_group_that_may_enter() -> None:
    found = pool(groups=("ml",))
    assert sorted(one.inputs["username"] for one in found.all("User")) == ["ada@example.com", "grace@example.com"]
    assert all(one.inputs["desiredDeliveryMediums"] == ["EMAIL"] for one in found.all("User"))
    assert not any("assword" in key for one in found.all("User") for key in one.inputs)
    assert [one.inputs["name"] for one in found.all("UserGroup")] == ["ml"]
    assert sorted(one.inputs["username"] for one in found.all("UserInGroup")) == [
        "ada@example.com",
        "grace@example.com",
    ]


def test_a_protected_stack_keeps_its_users() -> None:
    made = pool(protect=True).one("UserPool", f"{NAME}-users")
    assert (made.protect, made.inputs["deletionProtection"]) == (True, "ACTIVE")
    assert pool().one("UserPool", f"{NAME}-users").inputs["deletionProtection"] == "INACTIVE"
