"""How long the Kubernetes client is patient with an API server that is dying."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from urllib3.exceptions import MaxRetryError

from infra.api import client_of, read

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


@contextlib.contextmanager
def server(*answers: bytes | None) -> Iterator[tuple[str, list[int]]]:
    """Gives each connection the next answer, the last one again and again: none at all, or a connection that is closed.

    Yields a kubeconfig, and the connections so far.
    """
    asked: list[int] = []
    held: list[socket.socket] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                answer = answers[min(len(asked), len(answers) - 1)]
                asked.append(len(asked))
                connection.recv(65536)
                if answer is None:
                    held.append(connection)
                    continue
                connection.sendall(answer)
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        content = {
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{listener.getsockname()[1]}"}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "c",
        }
        yield json.dumps(content), asked
        listener.shutdown(socket.SHUT_RDWR)
    for one in held:
        one.close()


def test_an_api_server_that_answers_nothing_is_asked_once() -> None:
    with server(None) as (kubeconfig, asked):
        client = client_of(kubeconfig)  # which imports for a second
        since = time.monotonic()
        with pytest.raises(MaxRetryError, match="timed out"):
            read(client, "/version", 0.5)
        assert time.monotonic() - since < 1.5
        assert asked == [0]


def test_a_connection_that_is_broken_off_is_made_again() -> None:
    with server(b"", b"", ANSWER) as (kubeconfig, asked):
        assert read(client_of(kubeconfig), "/version", 5) == b"ok"
        assert asked == [0, 1, 2]


def test_one_that_is_always_broken_off_ends() -> None:
    with server(b"") as (kubeconfig, asked), pytest.raises(MaxRetryError):
        read(client_of(kubeconfig), "/version", 5)
    assert len(asked) == 4
