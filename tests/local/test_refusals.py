"""Nothing is refused on the sample when pods take their time; and a refusal, when there is one, is seen."""

from collections.abc import Iterator
from datetime import datetime

import pytest

from localcloud import plane
from tests.local.cluster import config_map, deployment, foreign_bundle, namespace, service, webhook
from tests.local.stack import Checkout, checked_out, now, unavailable


@pytest.fixture(scope="module")
def begun() -> datetime:
    return now()


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory, begun: datetime) -> Iterator[Checkout]:
    """The sample, brought up with pods that start after 6 to 18 s."""
    with checked_out(tmp_path_factory.mktemp("refusals")) as made:
        made.environment[plane.PACE] = "0.3"
        made.must("up", "--pods", "realistic")
        yield made


def test_nothing_is_refused_when_pods_take_their_time(checkout: Checkout, begun: datetime) -> None:
    found = checkout.audit(begun)
    assert found.writes > 90
    assert [str(one) for one in found.refused] == []
    assert [str(one) for one in found.refused_calls] == []
    assert unavailable(checkout.cluster()) == []


def test_a_webhook_without_a_backend_shows_as_a_refusal(checkout: Checkout) -> None:
    cluster = checkout.cluster()
    cluster.apply(namespace("hook"), namespace("hooked", hooked="hook"), service("hook", "hook"))
    cluster.apply(deployment("hook", "hook", replicas=0), webhook("late", "hook", bundle=foreign_bundle()))
    since = now()
    done = cluster.try_apply(config_map("hooked", "settings", a="b"))
    assert done.returncode != 0
    found = checkout.audit(since)
    assert [(one.verb, one.code) for one in found.refused] == [("patch", 500)]
    assert "hooked/settings" in found.refused[0].what
    assert "hook/hook" in [one.what.rpartition(" by ")[2] for one in found.refused_calls]
