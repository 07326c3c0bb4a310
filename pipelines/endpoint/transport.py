"""kfp-server-api over a signed-in session: its paths, parameters and models, with our way in and our retries.

The package's own transport (urllib3) knows no form to sign in with and repeats a POST that may have done its work, so
`request` alone is replaced.
"""

from collections.abc import Mapping
from typing import Any

import httpx
import kfp_server_api

from pipelines.endpoint.session import Session, decode


class Answer:
    """What ApiClient reads of an answer."""

    def __init__(self, answer: httpx.Response) -> None:
        self.data: Any = answer.content
        self.status = answer.status_code
        self._headers = answer.headers

    def getheader(self, name: str) -> str | None:
        """A header by its name, in whatever case."""
        found: str | None = self._headers.get(name)
        return found

    def getheaders(self) -> Mapping[str, str]:
        """All headers."""
        return self._headers


class Transport(kfp_server_api.ApiClient):  # type: ignore[misc]
    """What the package's service classes are made with.

    A call raises RefusedError for an answer that is no, LaterError for one that may follow, UserError when what answers
    is no Pipelines API.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(kfp_server_api.Configuration(host="/pipeline"))
        self._session = session

    def request(
        self,
        method: str,
        url: str,
        query_params: Any = None,
        headers: Mapping[str, str] | None = None,
        post_params: Any = None,
        body: Any = None,
        _preload_content: bool = True,
        _request_timeout: Any = None,
    ) -> Answer:
        """One request of the package, through the session."""
        options: dict[str, Any] = {"params": query_params or None, "headers": {"Accept": "application/json"}}
        if post_params:
            options["files"] = post_params
        elif body is not None:
            options["json"] = body
        answer = self._session.request(method, url, **options)
        decode(self._session.url, answer)
        return Answer(answer)
