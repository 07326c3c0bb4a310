"""What the AWS emulator does not keep, in a JSON file."""

import json
import os
import threading
from pathlib import Path
from typing import Any

from ordering.errors import UserError

VARIABLE = "LOCALCLOUD_AWS_RECORD"
DEFAULT_PATH = Path(".local/emulator/record.json")

Item = dict[str, Any]


class Record:
    """Items by kind (`EKS add-ons`) and key; every change is on disk before the call returns."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or default_path()
        self._lock = threading.Lock()

    def get(self, kind: str, key: str) -> Item | None:
        """The item, or None."""
        return self._load().get(kind, {}).get(key)

    def all(self, kind: str) -> dict[str, Item]:
        """All items of a kind, by key."""
        return self._load().get(kind, {})

    def put(self, kind: str, key: str, item: Item) -> None:
        """Write or replace an item."""
        with self._lock:
            everything = self._load()
            everything.setdefault(kind, {})[key] = item
            self._store(everything)

    def remove(self, kind: str, key: str) -> None:
        """Forget an item; nothing happens when it is not there."""
        with self._lock:
            everything = self._load()
            everything.get(kind, {}).pop(key, None)
            self._store({name: items for name, items in everything.items() if items})

    def _load(self) -> dict[str, dict[str, Item]]:
        try:
            loaded: dict[str, dict[str, Item]] = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise UserError(f"{self.path} is not JSON ({error}); remove it") from error
        return loaded

    def _store(self, everything: dict[str, dict[str, Item]]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(".draft")
        draft.write_text(json.dumps(everything, indent=1, default=str), encoding="utf-8")
        draft.replace(self.path)


def default_path() -> Path:
    """Where the record is: LOCALCLOUD_AWS_RECORD, else in the emulator's state folder below the working directory."""
    return Path(os.environ.get(VARIABLE) or DEFAULT_PATH)


def recorded_kinds(path: Path | None = None) -> dict[str, int]:
    """How many items of each kind are recorded, not served by the emulator: for the summary of a run."""
    record = Record(path)
    return {kind: len(items) for kind, items in sorted(record._load().items()) if items}
