"""Whether the controllers say that they are ready, wherever the checkout is."""

import socket
import threading
from pathlib import Path

import pytest

from localcloud.plane.api import synced


@pytest.mark.parametrize("name", ["plain", "with:colon", "a:1 [x]"])
@pytest.mark.parametrize(("status", "ready"), [("200 OK", True), ("503 Service Unavailable", False)])
def test_a_socket_of_any_name_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, status: str, ready: bool
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path has 107 bytes at most
    path = Path(name)
    asked: list[bytes] = []

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            asked.append(connection.recv(4096))
            connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        assert synced(path) is ready
        thread.join()
    assert asked[0].startswith(b"GET /readyz HTTP/1.1\r\n")


def test_nobody_who_listens_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        synced(tmp_path / "gone")
