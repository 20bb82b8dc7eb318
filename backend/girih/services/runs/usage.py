"""What a run's model calls have used: in all, and by model."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import Numeric, cast, func, select, type_coerce
from sqlalchemy.dialects.postgresql import JSON

from girih.db.unit_of_work import Work
from girih.engine.context import usage_dict
from girih.language.nodes.ports import Usage
from girih.language.spec.tree import JsonObject
from girih.services.runs import tables

CALL = "model.finished"
"""The event that tells of a model call."""


def usage_in(data: JsonObject) -> Usage:
    """The usage that an event carries."""
    told = data.get("usage") or {}
    return Usage(int(told.get("input_tokens", 0)), int(told.get("output_tokens", 0)), float(told.get("cost_usd", 0)))


class Tally:
    """Adds model calls up, to what earlier attempts have used."""

    def __init__(self, usage: Usage | None = None, models: Mapping[str, JsonObject] | None = None) -> None:
        self.usage = usage or Usage()
        self.models: dict[str, JsonObject] = {name: dict(counts) for name, counts in (models or {}).items()}

    def add(self, data: JsonObject) -> None:
        """Count the call of one `model.finished`."""
        used, name = usage_in(data), str(data.get("model", ""))
        self.usage += used
        before = self.models.get(name) or {"calls": 0, "errors": 0}
        spent = usage_in({"usage": before}) + used
        failed = int("error" in data)
        counts = {"calls": before["calls"] + 1, "errors": before["errors"] + failed}
        self.models[name] = counts | usage_dict(spent)


async def used_by_model(work: Work, org_id: UUID, run_id: UUID) -> dict[str, JsonObject]:
    """What the recorded calls of a run have used, by model."""
    row = tables.RunEvent
    data = type_coerce(row.data, JSON())
    model, told = data["model"].astext, data["usage"]
    counts = [func.sum(cast(told[name].astext, Numeric)) for name in ("input_tokens", "output_tokens", "cost_usd")]
    query = (
        select(model, func.count(), func.count(data["error"].astext), *counts)
        .where(row.org_id == org_id, row.run_id == run_id, row.type == CALL)
        .group_by(model)
    )
    return {
        name or "": {"calls": calls, "errors": errors}
        | usage_dict(Usage(int(given or 0), int(taken or 0), float(cost or 0)))
        for name, calls, errors, given, taken, cost in await work.session.execute(query)
    }
