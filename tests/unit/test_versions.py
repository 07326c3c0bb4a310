from datetime import date

import pytest

from infra import versions


def test_the_day_that_extended_support_is_billed_a_version_is_out() -> None:
    assert "1.34" in versions.in_standard_support(date(2026, 12, 1))
    assert versions.in_standard_support(date(2026, 12, 2)) == ["1.35", "1.36"]


def test_kube_proxy_is_pinned_to_the_same_minor_version() -> None:
    for version, facts in versions.KUBERNETES.items():
        assert versions.minor(facts.addons.kube_proxy) == versions.minor(version)


@pytest.mark.parametrize(
    ("text", "parts"), [("1.35", (1, 35)), ("v1.35.4-eks-abc", (1, 35)), ("1.9", (1, 9)), ("v1.36+", (1, 36))]
)
def test_versions_compare_by_number(text: str, parts: tuple[int, int]) -> None:
    assert versions.minor(text) == parts
