"""What a webhook is told, word for word: made once, and sent with every try."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from girih.language.spec.tree import JsonObject
from girih.services.runs.interrupts import out as shown_pause
from girih.services.runs.plain import dump
from girih.services.runs.shown import out_of_columns
from girih.services.runs.tables import RunPause
from girih.services.webhooks.signing import message_id
from girih.services.webhooks.tables import WebhookDelivery


def message(row: WebhookDelivery, pauses: Sequence[RunPause]) -> str:
    """`type`, `id`, `timestamp` and, under `data`, the run as it stood then and what it waits for."""
    data: JsonObject = {"run": out_of_columns(row.run or {}).model_dump(mode="json")}
    if row.type == "run.interrupted":
        data["interrupts"] = [shown_pause(one).model_dump(mode="json") for one in pauses]
    told = {"type": row.type, "id": message_id(row.id), "timestamp": _moment(row.created_at), "data": data}
    return dump(told)


def _moment(at: datetime) -> str:
    return at.isoformat()
