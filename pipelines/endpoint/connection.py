"""One namespace of an endpoint: the services of its Pipelines API (v2beta1, as Pipelines 2.16 serves it).

What kfp-server-api does as well is left to it. By hand stay the sign-in (kfp.Client takes a cookie, and gets none), the
creation of exactly one thing (kfp.Client asks once, and leaves open what became of it), and what is not of the
Pipelines API: the dashboard's list of profiles, the UI's logs and the metadata store. kfp.Client itself also keeps a
file in the home folder and prints HTML.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import kfp_server_api

from ordering.errors import UserError
from pipelines.defaults import EXPERIMENT
from pipelines.endpoint.session import RefusedError, Session
from pipelines.endpoint.transport import Transport

T = TypeVar("T")

# Where the API says that a name or id is unknown: 400 for one that is not a UUID.
UNKNOWN = (400, 404)


class Connection:
    """A signed-in session, a namespace, and the services that are called in it."""

    def __init__(self, session: Session, namespace: str | None = None, shown_at: str | None = None) -> None:
        """The person's own namespace when none is given; links start with `shown_at`, or the session's address."""
        self.session = session
        self._shown_at = (shown_at or session.url).rstrip("/")
        transport = Transport(session)
        self.runs = kfp_server_api.RunServiceApi(transport)
        self.schedules = kfp_server_api.RecurringRunServiceApi(transport)
        self.packages = kfp_server_api.PipelineServiceApi(transport)
        self.uploads = kfp_server_api.PipelineUploadServiceApi(transport)
        self._experiments = kfp_server_api.ExperimentServiceApi(transport)
        self.namespace = namespace or self._own_namespace()

    def link(self, path: str) -> str:
        """Where the dashboard, or the UI of Pipelines alone, shows what is at a path, such as `runs/details/ID`."""
        if not self.namespace:
            return f"{self._shown_at}/#/{path}"
        return f"{self._shown_at}/_/pipeline/?ns={self.namespace}#/{path}"

    def call(self, what: str, attempt: Callable[[], T], *, missing: str | None = None) -> T:
        """What a call gives; UserError names `what` when it is refused, and is `missing` when there is nothing such."""
        try:
            return self.session.persist(attempt)
        except RefusedError as refusal:
            if missing is not None and refusal.status in UNKNOWN:
                raise UserError(missing) from None
            raise self.refused(refusal, what) from None

    def create(self, what: str, attempt: Callable[[], T], find: Callable[[], T | None]) -> T:
        """Make something exactly once: it is looked for where an answer did not come, or says that it is there."""

        def look() -> T | None:
            return self.call(what, find)

        try:
            return self.session.persist(attempt, look)
        except RefusedError as refusal:
            # Somebody else made it between our looking for it and making it.
            found = look() if refusal.status == 409 else None
            if found is None:
                raise self.refused(refusal, what) from None
            return found

    def experiment(self) -> str:
        """The id of our experiment, made when it is not there."""
        body = kfp_server_api.V2beta1Experiment(display_name=EXPERIMENT, namespace=self.namespace)

        def find() -> Any:
            wanted = only(equals("display_name", EXPERIMENT))
            scope = {"namespace": self.namespace} if self.namespace else {}
            listed = self._experiments.experiment_service_list_experiments(**scope, filter=wanted)
            return (listed.experiments or [None])[0]

        found = self.call("experiments", find) or self.create(
            f"experiment {EXPERIMENT!r}", lambda: self._experiments.experiment_service_create_experiment(body), find
        )
        return str(found.experiment_id)

    def refused(self, refusal: RefusedError, what: str) -> UserError:
        """The sentence for an answer that is no."""
        advice = "ask for the namespace to be shared with you" if refusal.status == 403 else "check what was asked for"
        return UserError(f"{self.session.url} refuses {what} ({refusal.status}: {refusal.message}); {advice}.")

    def _own_namespace(self) -> str:
        """The namespace of the person's own profile, as the dashboard tells it; empty where Pipelines has one user."""
        try:
            known = self.session.get("/api/workgroup/env-info").get("namespaces", [])
        except RefusedError as refusal:
            if refusal.status == 404:
                return ""
            raise self.refused(refusal, "the list of profiles") from None
        owned = [item["namespace"] for item in known if item.get("role") == "owner"]
        if not owned:
            raise UserError(
                f"At {self.session.url} no profile is yours; name a namespace that you may use with --namespace."
            )
        return str(owned[0])


def equals(key: str, value: str, operation: str = "EQUALS") -> Mapping[str, str]:
    """A predicate of the API's filters: a field equals a value, or stands to it as the operation says."""
    return {"operation": operation, "key": key, "string_value": value}


def only(*predicates: Mapping[str, str]) -> str:
    """A filter, as the API takes it."""
    return json.dumps({"predicates": predicates})
