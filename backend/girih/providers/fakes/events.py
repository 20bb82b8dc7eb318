"""Domain events kept in a process: the `Events` double."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from girih.language.spec.tree import JsonObject


@dataclass
class RecordedEvents:
    """Keeps what was published: `published` holds type and data, in order, once for each key."""

    published: list[tuple[str, JsonObject]] = field(default_factory=list)
    _ids: dict[str, str] = field(default_factory=dict)

    async def publish(self, type: str, data: JsonObject, *, key: str) -> str:
        """Publish once for each `key`, however often it is called. Returns the event's id."""
        if key not in self._ids:
            self._ids[key] = str(uuid.uuid4())
            self.published.append((type, data))
        return self._ids[key]
