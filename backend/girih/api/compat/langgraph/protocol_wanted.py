"""What a client of LangGraph's event-streaming protocol wants to be told: channels, namespaces, and how deep."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from girih.api.compat.langgraph.told import Told

CHANNELS = ("lifecycle", "input", "values", "updates", "messages", "tools", "tasks", "custom", "checkpoints")


class EventsIn(BaseModel):
    """The body of a request for events. `since` is the number of the last event that arrived."""

    model_config = ConfigDict(extra="forbid")

    channels: Annotated[list[str], Field(min_length=1, max_length=100)]
    namespaces: Annotated[list[list[str]] | None, Field(max_length=1000)] = None
    depth: Annotated[int | None, Field(ge=0)] = None
    since: Annotated[int | None, Field(ge=0, lt=2**53)] = None

    @field_validator("channels")
    @classmethod
    def _known(cls, given: list[str]) -> list[str]:
        for name in given:
            if name not in CHANNELS and not name.startswith("custom:"):
                raise ValueError(f"there is no channel '{name}'; the channels are: {', '.join(CHANNELS)}")
        return given

    def wants(self, told: Told) -> bool:
        """Whether an event is among what is wanted."""
        is_named = told.channel in self.channels or (told.channel.startswith("custom:") and "custom" in self.channels)
        return is_named and self._is_near(told.ns)

    def _is_near(self, ns: tuple[str, ...]) -> bool:
        if not self.namespaces:
            return True
        return any(
            _begins(ns, prefix) and (self.depth is None or len(ns) - len(prefix) <= self.depth)
            for prefix in self.namespaces
        )


def _begins(ns: tuple[str, ...], prefix: list[str]) -> bool:
    if len(prefix) > len(ns):
        return False
    pairs = zip(prefix, ns, strict=False)
    return all(part == one or (":" not in part and one.partition(":")[0] == part) for part, one in pairs)
