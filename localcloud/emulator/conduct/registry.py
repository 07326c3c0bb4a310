"""What ECR is told of images that it fetches by itself: rules, and the template of the repositories that it makes.

MiniStack serves neither. Nothing is fetched here: they are kept, and refused where ECR refuses them (ECR API reference,
"CreatePullThroughCacheRule", "CreateRepositoryCreationTemplate" and their likes; botocore's model has the shapes).
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, error_response_json, get_account_id, json_response

from localcloud.emulator.conduct.before import Before, Request
from localcloud.emulator.conduct.phases import Answer, Handler, Phases

_Served = dict[str, Callable[[dict[str, Any]], Answer]]


class Registry(Before):
    """Before MiniStack's handler of ECR."""

    def __init__(self, phases: Phases, handler: Handler) -> None:
        super().__init__(phases, handler)
        rules = _Kept(error="PullThroughCacheRule", key="ecrRepositoryPrefix", nested="")
        templates = _Kept(error="Template", key="prefix", nested="repositoryCreationTemplate")
        self._served: _Served = {
            **{f"{verb}PullThroughCacheRule": serve for verb, serve in rules.verbs().items()},
            **{f"{verb}RepositoryCreationTemplate": serve for verb, serve in templates.verbs().items()},
            "DescribePullThroughCacheRules": rules.listing("ecrRepositoryPrefixes", "pullThroughCacheRules"),
            "DescribeRepositoryCreationTemplates": templates.listing("prefixes", "repositoryCreationTemplates"),
        }

    async def answer(self, asked: Request) -> Answer:
        serve = self._served.get(asked.target)
        return serve(asked.json) if serve else await self.served(asked)


class _Kept:
    """What is made by a request, by the prefix that it is for; an answer has it under the name `nested`, if any."""

    def __init__(self, *, error: str, key: str, nested: str) -> None:
        self._error, self._key, self._nested = error, key, nested
        self._all = AccountRegionScopedDict()

    def verbs(self) -> _Served:
        return {"Create": self._create, "Update": self._update, "Delete": self._delete}

    def listing(self, wanted: str, found: str) -> Callable[[dict[str, Any]], Answer]:
        def describe(body: dict[str, Any]) -> Answer:
            prefixes = body.get(wanted) or sorted(self._all)
            missing = [one for one in prefixes if one not in self._all]
            return self._missing(missing[0]) if missing else self._told({found: [self._all[one] for one in prefixes]})

        return describe

    def _create(self, body: dict[str, Any]) -> Answer:
        if body[self._key] in self._all:
            told = f"There is one with the prefix '{body[self._key]}' already"
            return error_response_json(f"{self._error}AlreadyExistsException", told, 400)  # type: ignore[no-any-return]
        now = time.time()
        self._all[body[self._key]] = {**body, "createdAt": now, "updatedAt": now}
        return self._one(body[self._key])

    def _update(self, body: dict[str, Any]) -> Answer:
        if body[self._key] not in self._all:
            return self._missing(body[self._key])
        self._all[body[self._key]] = {**self._all[body[self._key]], **body, "updatedAt": time.time()}
        return self._one(body[self._key])

    def _delete(self, body: dict[str, Any]) -> Answer:
        if body[self._key] not in self._all:
            return self._missing(body[self._key])
        answer = self._one(body[self._key])
        del self._all[body[self._key]]
        return answer

    def _one(self, prefix: str) -> Answer:
        return self._told({self._nested: self._all[prefix]} if self._nested else self._all[prefix])

    def _told(self, answer: Mapping[str, Any]) -> Answer:
        return json_response({**answer, "registryId": get_account_id()})  # type: ignore[no-any-return]

    def _missing(self, prefix: str) -> Answer:
        told = f"There is none with the prefix '{prefix}'"
        return error_response_json(f"{self._error}NotFoundException", told, 400)  # type: ignore[no-any-return]
