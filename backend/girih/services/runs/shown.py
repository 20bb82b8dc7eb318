"""Runs as doors see them, from their rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from girih.services.runs.options import breakpoints_of
from girih.services.runs.schemas import RunOut
from girih.services.runs.tables import Run

_COLUMNS = {"metadata": "run_metadata", "user": "end_user"}
_IDS = ("id", "thread_id", "source_run_id")


def out(row: Run) -> RunOut:
    """The row as doors see it."""
    return _shown(partial(getattr, row))


def out_of_columns(columns: Mapping[str, Any]) -> RunOut:
    """The same, from the columns as the database names them."""
    return _shown({**columns, "run_metadata": columns["metadata"]}.__getitem__)


def origin_of(url: str) -> str:
    """Scheme, host and port: what of a URL is no secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _shown(value: Callable[[str], Any]) -> RunOut:
    stops, webhook = breakpoints_of(value("breakpoints")), value("webhook")
    own: dict[str, Any] = {
        "interrupt_before": sorted(stops.before),
        "interrupt_after": sorted(stops.after),
        "webhook": origin_of(webhook) if webhook is not None else None,
        "notice": None,
    }
    own |= {name: str(number) if (number := value(name)) is not None else None for name in _IDS}
    names = {name: _COLUMNS.get(name, name) for name in RunOut.model_fields if name not in own}
    return RunOut.model_validate(own | {name: value(column) for name, column in names.items()})
