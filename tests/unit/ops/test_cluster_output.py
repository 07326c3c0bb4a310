"""What a command in a pod prints comes as it is, however the frames of the stream cut it."""

import os
from collections.abc import Iterable, Iterator
from types import SimpleNamespace

import pytest
from kubernetes import client  # type: ignore[import-untyped]
from kubernetes.stream import ws_client  # type: ignore[import-untyped]
from websocket import ABNF, WebSocketConnectionClosedException

from ops import cluster
from ops.cluster import ClusterApi
from ordering.errors import UserError
from ordering.manifests.objects import Manifest

POD: Manifest = {"metadata": {"name": "mysql-0", "namespace": "kubeflow"}}
OUT, ERROR, STATUS = b"\1", b"\2", b"\3"
BROKEN = b""
ENDED = STATUS + b'{"status": "Success"}'


class Socket:
    """A websocket that has these frames, and then closes or falls silent."""

    def __init__(self, frames: Iterable[bytes], *, silent: bool = False) -> None:
        self._frames, self._silent, self.connected = list(frames), silent, True
        self.sock, self._end = os.pipe()
        # What is polled has something to read for as long as there are frames.
        os.write(self._end, b"x")

    def recv_data_frame(self, _: bool) -> tuple[int, SimpleNamespace]:
        if self._frames:
            frame = self._frames.pop(0)
            if frame == BROKEN:
                raise WebSocketConnectionClosedException("socket is already closed.")
            if not self._frames and self._silent:
                os.read(self.sock, 1)
            return ABNF.OPCODE_BINARY, SimpleNamespace(data=frame)
        return ABNF.OPCODE_CLOSE, SimpleNamespace(data=b"")

    def close(self, **_: object) -> None:
        os.close(self.sock)
        os.close(self._end)


def output(monkeypatch: pytest.MonkeyPatch, socket: Socket) -> Iterator[bytes]:
    monkeypatch.setattr(ws_client, "create_websocket", lambda *_: socket)
    configuration = client.Configuration(host="https://127.0.0.1:1")
    api = ClusterApi(SimpleNamespace(client=SimpleNamespace(configuration=configuration)))
    return api.output(POD, "mysql", "mysqldump")


def test_a_character_that_two_frames_share_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\u00e4\U0001f600".encode() + b"\x00\xff"
    frames = [OUT + text[index : index + 1] for index in range(len(text))]
    assert b"".join(output(monkeypatch, Socket([*frames, ENDED]))) == text


def test_one_that_fails_is_an_error_with_what_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    status = b'{"status": "Failure", "details": {"causes": [{"message": "2"}]}}'
    pieces = output(monkeypatch, Socket([OUT + b"some", ERROR + b"Access\n", ERROR + b"denied", STATUS + status]))
    assert next(pieces) == b"some"
    with pytest.raises(UserError, match="It ended with 2: Access denied"):
        list(pieces)


def test_one_that_says_nothing_any_more_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_SILENT_S", 0.01)
    pieces = output(monkeypatch, Socket([OUT + b"some"], silent=True))
    assert next(pieces) == b"some"
    with pytest.raises(UserError, match="It has said nothing for"):
        list(pieces)


@pytest.mark.parametrize(("frames", "told"), [([], "ended before it did"), ([BROKEN], "broke off [(]socket is")])
def test_a_connection_that_ends_first_is_no_dump(
    monkeypatch: pytest.MonkeyPatch, frames: list[bytes], told: str
) -> None:
    with pytest.raises(UserError, match=told):
        list(output(monkeypatch, Socket([OUT + b"some", *frames])))
