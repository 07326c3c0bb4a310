"""Where an upgrade and a rollback go to, killed at any step, and what the settings say then."""

from typing import Any

import pytest
import yaml

from infra.declared import full_key
from ops.upgrading import Stand, Way, back, up, written
from ordering.errors import UserError

NAME = "Pulumi.dev.yaml"
KNOWN = ("26.03", "1.10.2", "pipelines-2.16.0")


def stand(named: str, ran: str, before: str | None = None) -> Stand:
    return Stand(stack="dev", named=named, before=before, ran=ran)


def test_up_and_back_and_up_again() -> None:
    there = up(stand("1.10.2", "1.10.2"), "26.03", KNOWN)
    assert there == Way(old="1.10.2", new="26.03", before="1.10.2", begun=False)
    home = back(stand("26.03", "26.03", "1.10.2"))
    assert home == Way(old="26.03", new="1.10.2", before="26.03", begun=False)
    assert (there.at_its_end, home.at_its_end) == ({}, {"kubeflowReleaseBefore": ""})
    assert not up(stand("1.10.2", "1.10.2"), "26.03", KNOWN).begun


def test_a_killed_upgrade_goes_on_or_back() -> None:
    assert up(stand("26.03", "1.10.2", "1.10.2"), "26.03", KNOWN) == Way(
        old="1.10.2", new="26.03", before="1.10.2", begun=True
    )
    assert back(stand("26.03", "1.10.2", "1.10.2")).new == "1.10.2"


def test_a_release_that_somebody_wrote_by_hand_is_no_upgrade_that_has_begun() -> None:
    found = up(stand("26.03", "1.10.2"), "26.03", KNOWN)
    assert found == Way(old="1.10.2", new="26.03", before="1.10.2", begun=False)
    with pytest.raises(UserError, match=r"and 1[.]10[.]2 is older; `make rollback STACK=dev`"):
        up(stand("1.10.2", "26.03"), "1.10.2", KNOWN)


@pytest.mark.parametrize("ran", ["26.03", "1.10.2"])
def test_a_killed_rollback_goes_on_whatever_the_outputs_say_by_then(ran: str) -> None:
    assert back(stand("1.10.2", ran, "26.03")) == Way(old="26.03", new="1.10.2", before="26.03", begun=True)
    with pytest.raises(UserError, match="nothing says what it had before"):
        back(stand("1.10.2", "1.10.2"))


@pytest.mark.parametrize("before", [None, "1.10.2"])
def test_an_older_release_that_somebody_wrote_by_hand_is_no_rollback_that_has_begun(before: str | None) -> None:
    """Nobody has looked, and nothing is saved."""
    assert back(stand("1.10.2", "26.03", before)) == Way(old="26.03", new="1.10.2", before="26.03", begun=False)


def test_another_product_is_nothing_to_go_back_to() -> None:
    with pytest.raises(UserError, match=r"dev has 26[.]03, and pipelines-2[.]16[.]0 is another product"):
        back(stand("pipelines-2.16.0", "26.03", "1.10.2"))


def test_one_that_was_killed_in_the_look_afterwards_looks_again() -> None:
    found = up(stand("26.03", "26.03", "1.10.2"), "26.03", KNOWN)
    assert (found.old, found.begun, found.before) == ("1.10.2", True, "1.10.2")


@pytest.mark.parametrize(
    ("at", "to", "told"),
    [
        (stand("1.10.2", "1.10.2"), "27.01", "TO is '27.01', which is no release that this version knows"),
        (stand("26.03", "26.03"), "1.10.2", "26.03, and 1.10.2 is older; `make rollback STACK=dev`"),
        (stand("1.10.2", "1.10.2"), "pipelines-2.16.0", "is another product"),
        (stand("1.10.2", "26.03"), "26.03", "on its way from 26.03 to 1.10.2: end that first"),
        (stand("1.10.2", "26.03", "26.03"), "1.10.2", "26.03, and 1.10.2 is older; `make rollback STACK=dev`"),
    ],
)
def test_where_there_is_no_way_up(at: Stand, to: str, told: str) -> None:
    with pytest.raises(UserError) as refused:
        up(at, to, KNOWN)
    assert told in str(refused.value)


def test_there_is_no_way_back_from_where_nobody_came() -> None:
    with pytest.raises(UserError, match="nothing says what it had before"):
        back(stand("1.10.2", "1.10.2"))


SETTINGS = """\
# Ours.
encryptionsalt: v1:abc
config:
  aws:region: us-west-2  # near
  kubeflow:kubeflowRelease: "1.10.2"
  kubeflow:nodesMax: 7
"""


def test_settings_change_by_a_line_and_come_back() -> None:
    there = written(SETTINGS, "kubeflow", {"kubeflowRelease": "26.03", "kubeflowReleaseBefore": "1.10.2"}, NAME)
    assert sorted(set(there.splitlines()) - set(SETTINGS.splitlines())) == [
        '  kubeflow:kubeflowRelease: "26.03"',
        '  kubeflow:kubeflowReleaseBefore: "1.10.2"',
    ]
    assert written(there, "kubeflow", {"kubeflowRelease": "1.10.2", "kubeflowReleaseBefore": ""}, NAME) == SETTINGS


def test_settings_that_name_no_release_get_one() -> None:
    assert written("config:\n  aws:region: a\n", "kubeflow", {"kubeflowRelease": "26.03"}, NAME) == (
        'config:\n  kubeflow:kubeflowRelease: "26.03"\n  aws:region: a\n'
    )
    alone = 'config:\n  kubeflow:kubeflowRelease: "26.03"\n'
    assert written("", "kubeflow", {"kubeflowRelease": "26.03"}, NAME) == alone


THERE = {"kubeflowRelease": "26.03", "kubeflowReleaseBefore": "1.10.2"}


def read(text: str) -> dict[str, Any]:
    """What settings say; each key stands in them once, however it is written."""
    found: dict[str, Any] = yaml.safe_load(text)["config"] or {}
    keys = [full_key("kubeflow", key) for key in found]
    assert len(keys) == len(set(keys)), text
    return {full_key("kubeflow", key): value for key, value in found.items()}


@pytest.mark.parametrize(
    "text",
    [
        "config: # ours\n  aws:region: a\n",
        "config: \n  aws:region: a\n",
        '"config":\n  aws:region: a\n',
        "'config' :\n  aws:region: a\n",
        "---\nconfig:\n  aws:region: a",
        "config:\n    # near\n    aws:region: a\n",
        'config:\n    aws:region: a\n    kubeflow:kubeflowRelease: "1.10.2"\n',
        "config:\n aws:region: a\n 'kubeflow:kubeflowRelease': 1.10.2\n# the end\nencryptionsalt: v1:a\n",
        'config:\n  aws:region: a\n  kubeflowRelease: "1.10.2"\n',
        'config:\n  kubeflowRelease: "1.9"\n  aws:region: a\n  kubeflow:kubeflowRelease: "1.10.2"\n',
    ],
)
def test_settings_stay_sound_in_whatever_form_they_are(text: str) -> None:
    there = written(text, "kubeflow", THERE, NAME)
    assert read(there) == {full_key("kubeflow", key): value for key, value in THERE.items()} | {"aws:region": "a"}
    assert not {line for line in text.splitlines() if "elease" not in line} - set(there.splitlines())
    back = written(there, "kubeflow", {"kubeflowReleaseBefore": ""}, NAME)
    assert read(back) == {"aws:region": "a", "kubeflow:kubeflowRelease": "26.03"}


@pytest.mark.parametrize(
    "text",
    [
        "config: {aws:region: a}\n",
        "config: {}\n",
        "config:\n  {aws:region: a}\n",
        "? config\n: aws:region: a\n",
        "config: &all\n  aws:region: a\n",
        "config:\n  kubeflow:kubeflowRelease: >-\n    1.10.2\n  aws:region: a\n",
    ],
)
def test_settings_that_are_not_in_lines_are_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(
        UserError, match=r"^Pulumi[.]dev[.]yaml .* nothing was changed: give `config:` a line"
    ) as refused:
        written(text, "kubeflow", THERE, NAME)
    assert "\n" not in str(refused.value)


def test_settings_that_say_it_already_are_not_touched() -> None:
    text = 'config: {kubeflow:kubeflowRelease: "26.03", kubeflowReleaseBefore: "1.10.2"}'
    assert written(text, "kubeflow", {}, NAME) == text
    text = 'config: {"kubeflow:kubeflowRelease": "26.03", "kubeflow:kubeflowReleaseBefore": "1.10.2"}'
    assert written(text, "kubeflow", THERE, NAME) == text
