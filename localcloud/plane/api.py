"""The few requests that starting a plane needs, over the standard library: quick to import, and no kubectl."""

import http.client
import json
import socket
import ssl
from pathlib import Path
from typing import Any

_TIMEOUT = 10.0  # seconds


class _Local(http.client.HTTPConnection):
    """A connection to a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost")  # what a path has of colons is no port
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_TIMEOUT)
        self.sock.connect(str(self._path))


def synced(path: Path) -> bool:
    """Whether the controllers, which listen on this socket, have read all that they watch. OSError if none answers."""
    connection = _Local(path)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except http.client.HTTPException as error:
        raise OSError(f"{path} broke off its answer ({error or type(error).__name__})") from error
    finally:
        connection.close()


class ApiServer:
    """A client of the local API server as administrator. Its methods raise OSError when the server does not answer."""

    def __init__(self, port: int, certificates: Path) -> None:
        self._port = port
        self._context = ssl.create_default_context(cafile=str(certificates / "ca.crt"))
        self._context.load_cert_chain(certificates / "admin.crt", certificates / "admin.key")

    def ready(self) -> bool:
        """Whether the server says that it is ready for requests."""
        try:
            return self._request("GET", "/readyz")[0] == http.client.OK
        except OSError:
            return False

    def get(self, path: str) -> dict[str, Any] | None:
        """An object or a list, or None when it is not there (or the answer is an error)."""
        status, body = self._request("GET", path)
        return json.loads(body) if status == http.client.OK else None

    def create(self, path: str, body: dict[str, Any]) -> None:
        """Create an object unless it is there. Raises OSError when the server refuses it."""
        status, answer = self._request("POST", path, json.dumps(body))
        if status not in (http.client.CREATED, http.client.CONFLICT):
            raise OSError(f"{path}: {status} {answer[:500]}")

    def delete(self, path: str) -> None:
        """Delete an object, or all of a list. Raises OSError when the server refuses it."""
        status, answer = self._request("DELETE", path)
        if status not in (http.client.OK, http.client.NOT_FOUND):
            raise OSError(f"{path}: {status} {answer[:500]}")

    def _request(self, method: str, path: str, body: str | None = None) -> tuple[int, str]:
        connection = http.client.HTTPSConnection("127.0.0.1", self._port, context=self._context, timeout=_TIMEOUT)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read().decode()
        except http.client.HTTPException as error:  # the server ended in the middle of an answer
            raise OSError(f"the API server broke off its answer ({error or type(error).__name__})") from error
        finally:
            connection.close()
