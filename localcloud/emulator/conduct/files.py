"""EFS: mount targets that take their time and hold their subnets and groups, and a token that is taken.

CreateFileSystem answers a token that is taken with FileSystemAlreadyExists, also where all else is the same (Amazon EFS
API reference, "CreateFileSystem"); MiniStack answers with the file system.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from ministack.services import efs

from localcloud.emulator.conduct import interfaces, phases
from localcloud.emulator.conduct.before import Before, Request
from localcloud.emulator.conduct.phases import Answer

_TARGET = re.compile(r"/2015-02-01/mount-targets/(fsmt-[0-9a-fA-F]+)/?")


class Files(Before):
    """Before MiniStack's handler of EFS."""

    async def answer(self, asked: Request) -> Answer:
        method, path = asked.method, asked.path
        if (method, path.rstrip("/")) == ("POST", "/2015-02-01/file-systems"):
            token = asked.json["CreationToken"]
            taken = next((one for one in efs._file_systems.values() if one["CreationToken"] == token), None)
            if taken:
                told = f"File system '{taken['FileSystemId']}' already exists with creation token '{token}'"
                return efs._error(409, "FileSystemAlreadyExists", told)  # type: ignore[no-any-return]
        going = _TARGET.fullmatch(path) if method == "DELETE" else None
        if going and going[1] in efs._mount_targets:
            self._target_ends(going[1])
            return efs._json(204, {})  # type: ignore[no-any-return]
        answer = await self.served(asked)
        if answer[0] in (200, 201) and method == "POST":
            if path.rstrip("/").endswith("/mount-targets"):
                return self._target_begins(answer, str(json.loads(answer[2])["MountTargetId"]))
            if path.rstrip("/").endswith("/file-systems"):
                return self._begins(answer, efs._file_systems[json.loads(answer[2])["FileSystemId"]])
        return answer

    def _begins(self, answer: Answer, made: dict[str, Any]) -> Answer:
        made["LifeCycleState"] = "creating"
        self._phases.begin(made["FileSystemId"], "creating", phases.FILE_SYSTEM, lambda: _available(made))
        return _answered(answer, made)

    def _target_begins(self, answer: Answer, id_: str) -> Answer:
        made = efs._mount_targets[id_]
        made["LifeCycleState"] = "creating"
        made["NetworkInterfaceId"] = interfaces.add(made["SubnetId"], _of(id_), made["SecurityGroups"])
        self._phases.begin(id_, "creating", phases.TARGET, lambda: _available(made))
        return _answered(answer, made)

    def _target_ends(self, id_: str) -> None:
        efs._mount_targets[id_]["LifeCycleState"] = "deleting"

        def gone() -> None:
            efs._delete_mount_target(id_)
            interfaces.remove(_of(id_))

        self._phases.begin(id_, "deleting", phases.TARGET_END, gone)


def _available(made: dict[str, Any]) -> None:
    made["LifeCycleState"] = "available"


def _answered(answer: Answer, made: Mapping[str, Any]) -> Answer:
    told = {**json.loads(answer[2]), "LifeCycleState": made["LifeCycleState"]}
    return answer[0], answer[1], json.dumps(told).encode()


def _of(id_: str) -> str:
    """As EFS calls the interface of a mount target (EFS user guide, "Managing mount targets")."""
    return f"EFS mount target for {id_}"
