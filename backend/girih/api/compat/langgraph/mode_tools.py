"""The stream mode `tools`: calls of tools as they begin and end."""

from __future__ import annotations

from collections.abc import Iterator

from girih.api.compat.langgraph.moment import Moment, Said


def told_as_tools(moment: Moment) -> Iterator[Said]:
    """What is said of an event."""
    where, data = moment.where, moment.data
    if where is None or moment.type not in ("tool.started", "tool.finished"):
        return
    call = {"tool_call_id": data.get("call_id") or where.task}
    if moment.type == "tool.started":
        begun = {"event": "tool-started", **call, "tool_name": data["tool"], "input": data.get("arguments")}
        yield Said("tools", begun, where.ns)
    elif "error" in data:
        yield Said("tools", {"event": "tool-error", **call, "message": str(data["error"])}, where.ns)
    else:
        yield Said("tools", {"event": "tool-finished", **call, "output": data.get("result")}, where.ns)
