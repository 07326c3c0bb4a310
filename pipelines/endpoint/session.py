"""Signed-in HTTP to a Kubeflow endpoint, with failures retried a bounded number of times.

The way in is the one that Kubeflow 26.03 ships: oauth2-proxy in front of everything answers 401 to an API call without
its cookie, `/oauth2/start` leads to Dex, Dex shows a form of `login` and `password`, and its answer leads back to
`/oauth2/callback`, which sets the cookie.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import httpx

from ordering.errors import UserError

API = "/pipeline/apis/v2beta1"
HEALTH = f"{API}/healthz"

# Answers that say "later": the gateway or the service behind it is starting, restarting or overloaded.
_LATER = frozenset({429, 500, 502, 503, 504})

Json = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Retry:
    """How often a request is tried, and the seconds before the second try, which double up to a longest wait."""

    attempts: int = 6
    first_wait: float = 0.5
    longest_wait: float = 8.0

    def waits(self) -> list[float]:
        """The seconds to wait between tries."""
        return [min(self.first_wait * 2**index, self.longest_wait) for index in range(self.attempts - 1)]


class RefusedError(Exception):
    """The endpoint answered, and the answer is no: its status and what it said."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class LaterError(Exception):
    """The endpoint may answer later; `problem` is what to say when it has not."""

    def __init__(self, problem: UserError) -> None:
        super().__init__(str(problem))
        self.problem = problem


class Session:
    """An endpoint, signed in to when it asks for it. Use it in a `with`: it holds connections."""

    def __init__(
        self, url: str, *, user: str | None, password: str | None, retry: Retry, token: str | None = None
    ) -> None:
        """Signs in as a user, or shows a token of a service account with each request."""
        self.url = url.rstrip("/")
        self._user = user
        self._password = password
        self._retry = retry
        try:
            address = httpx.URL(self.url)
        except httpx.InvalidURL:
            address = httpx.URL("")
        if address.scheme not in ("http", "https") or not address.host:
            raise UserError(f"Endpoint {url!r} is not an address; write it as https://HOST or http://HOST:PORT.")
        self._token = token
        headers = {"Authorization": f"Bearer {token}"} if token else None
        self._client = httpx.Client(base_url=address, headers=headers, timeout=httpx.Timeout(30.0, connect=5.0))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._client.close()

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Json:
        """What is at a path, as JSON. Raises RefusedError for an answer that is no, UserError when there is none."""
        return self.persist(lambda: decode(self.url, self.request("GET", path, params=params)))

    def text(self, path: str, params: Mapping[str, str]) -> str | None:
        """What is at a path, as text; None for any answer but 200. It is asked for once."""
        try:
            answer = self._client.get(path, params=params)
        except httpx.RequestError:
            return None
        return answer.text if answer.status_code == httpx.codes.OK else None

    def persist(self, attempt: Callable[[], T], find: Callable[[], T | None] | None = None) -> T:
        """What the attempt gives, made again while the endpoint says "later", a bounded number of times.

        Something that is to be made exactly once has a `find`: a dropped connection or a 5xx leaves open whether the
        endpoint made it, so it is looked for before the next attempt.
        """
        for wait in [*self._retry.waits(), None]:
            try:
                return attempt()
            except LaterError as later:
                problem = later.problem
            if wait is None:
                break
            time.sleep(wait)
            found = find() if find else None
            if found is not None:
                return found
        raise problem

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One try, signed in to where the endpoint asks for it; LaterError when there is no answer, or one for later.

        A path is the endpoint's own, options are httpx's.
        """
        try:
            answer = self._answer(method, path, **options)
        except httpx.RequestError as error:
            raise LaterError(self._unreachable(error)) from None
        if answer.status_code in _LATER:
            raise LaterError(self._still(answer))
        return answer

    def _answer(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One try; signs in first when the endpoint asks for it, which it also does when the cookie has grown old."""
        answer = self._client.request(method, path, **options)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            signed_in = self._sign_in()
            if signed_in.status_code in _LATER:
                return signed_in
            answer = self._client.request(method, path, **options)
        return answer

    def _sign_in(self) -> httpx.Response:
        """Fetch the cookie, and give the last answer on the way: one that says "later" is for the caller to retry."""
        if self._token:
            raise UserError(
                f"{self.url} refuses the token; make a new one for the audience pipelines.kubeflow.org, and set "
                "loginTokens for the stack."
            )
        if not self._user or not self._password:
            raise UserError(
                f"{self.url} asks to sign in; give --user and the password in KUBEFLOW_PASSWORD, or name the stack."
            )
        form = self._client.get("/oauth2/start", params={"rd": HEALTH}, follow_redirects=True)
        if form.url.path.endswith("/auth"):
            # Dex offers a choice of ways in; `local` is the one with its own passwords.
            local = form.url.copy_with(path=f"{form.url.path}/local")
            form = self._client.get(local, follow_redirects=True)
        if form.status_code in _LATER:
            return form
        if form.url.host != httpx.URL(self.url).host or not form.url.path.endswith("/login"):
            raise UserError(
                f"{self.url} signs people in at {form.url.copy_with(query=None)}, which is not a form of Dex's own; "
                "use an endpoint whose Dex keeps passwords."
            )
        data = {"login": self._user, "password": self._password}
        answer = self._client.post(form.url, data=data, follow_redirects=True)
        if answer.status_code in _LATER:
            return answer
        if answer.url.path.endswith("/login"):
            raise UserError(f"{self.url} refuses user {self._user!r} with this password; check both.")
        if answer.status_code != httpx.codes.OK:
            raise UserError(
                f"{self.url} let {self._user!r} sign in, and then answered {answer.status_code} to {answer.url.path}; "
                "does it set its cookie for https only?"
            )
        return answer

    def _unreachable(self, error: httpx.RequestError) -> UserError:
        reason = " ".join(str(error).split()) or type(error).__name__
        return UserError(
            f"{self.url} cannot be reached ({reason}; tried {self._retry.attempts} times); "
            "check the address and your network."
        )

    def _still(self, answer: httpx.Response) -> UserError:
        said = f" ({' '.join(answer.text.split())[:200]})" if answer.text.strip() else ""
        return UserError(
            f"{self.url} answers {answer.status_code} to {answer.url.path}{said}, "
            f"also after {self._retry.attempts} tries; look at the pods behind it."
        )


def decode(url: str, answer: httpx.Response) -> Json:
    """The JSON of an answer; RefusedError when it is no, UserError when it is not JSON."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    if answer.is_success and isinstance(body, dict):
        return body
    if answer.is_success or answer.is_redirect:
        raise UserError(
            f"{url} does not speak the Pipelines API at {answer.url.path}; is it the address of a Kubeflow dashboard?"
        )
    message = body.get("message") or body.get("error") if isinstance(body, dict) else None
    raise RefusedError(answer.status_code, str(message or f"{answer.status_code} {answer.reason_phrase}"))
