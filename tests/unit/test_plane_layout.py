"""What a plane writes down about itself."""

from pathlib import Path

import pytest

from localcloud import plane
from localcloud.plane.layout import Layout, Record, State, read_state, write_state
from ordering.errors import UserError


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path)
    layout.home.mkdir(parents=True)
    return layout


def test_state_survives(layout: Layout) -> None:
    state = State(pods="realistic", seed=7, ports={"etcd": 4001}, processes={"etcd": Record(12, "boot:34", "56ab")})
    write_state(layout, state)
    assert read_state(layout) == state


def test_no_state_is_an_empty_one(layout: Layout) -> None:
    assert read_state(layout) == State()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pods": "instant"}', '{"processes": {"etcd": {"pid": 1}}}'])
def test_damaged_state_is_said(layout: Layout, text: str) -> None:
    layout.pids.write_text(text)
    with pytest.raises(UserError, match=r"plane\.json is damaged"):
        read_state(layout)


def test_a_plane_that_was_never_started_is_stopped(tmp_path: Path) -> None:
    status = plane.status(tmp_path)
    assert status.plane is None
    assert status.problem is None
    assert set(status.components.values()) == {"stopped"}
    assert not plane.stop(tmp_path, wipe=True)
    assert list(tmp_path.iterdir()) == []


def test_the_socket_of_a_deep_root_is_short_enough_and_its_own(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 90)
    first, second = Layout(deep / "a").egress_socket, Layout(deep / "b").egress_socket
    assert len(str(first)) <= 100
    assert first != second
    assert Layout(Path("/r")).egress_socket == Path("/r/.local/plane/egress.sock")


def test_the_end_of_a_log(layout: Layout) -> None:
    layout.logs.mkdir()
    assert layout.last_lines("etcd") == "    (it wrote nothing)"
    layout.log("etcd").write_text("".join(f"line {number}\n" for number in range(9)))
    assert layout.last_lines("etcd", 2) == "    line 7\n    line 8"


def test_a_root_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / ".local").write_text("a file, not a folder")
    with pytest.raises(UserError, match=r"cannot keep its files in .*\.local/plane"):
        plane.start(tmp_path)
