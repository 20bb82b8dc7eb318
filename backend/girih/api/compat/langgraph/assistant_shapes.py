"""The drawing and the schemas of an assistant as clients of the LangGraph server protocol read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from girih.language.compiler.plan import Plan
from girih.language.spec.tree import JsonObject
from girih.services.agents.drawing import BEGIN, FINISH, Drawing, Node, inner_of

_MESSAGES: JsonObject = {
    "type": "array",
    "title": "Messages",
    "items": {
        "type": "object",
        "required": ["type", "content"],
        "properties": {
            "type": {"enum": ["human", "ai", "system", "tool"]},
            "content": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "object"}}]},
            "id": {"type": ["string", "null"]},
            "tool_calls": {"type": "array", "items": {"type": "object"}},
            "tool_call_id": {"type": ["string", "null"]},
        },
    },
}


def graph_json(drawing: Drawing) -> JsonObject:
    """The drawing as `Graph.to_json` of LangChain writes one."""
    edges: list[JsonObject] = []
    for edge in drawing.edges:
        shown: JsonObject = {"source": edge.source, "target": edge.target}
        shown |= {"data": edge.label} if edge.label is not None else {}
        edges.append(shown | ({"conditional": True} if edge.is_conditional else {}))
    return {"nodes": [_node(node) for node in drawing.nodes], "edges": edges}


def _node(node: Node) -> JsonObject:
    if node.id == FINISH:
        return {"id": FINISH}
    kind = "graph" if node.inner is not None else node.verb
    path = ["girih", "start" if node.id == BEGIN else kind]
    shown: JsonObject = {"id": node.id, "type": "runnable", "data": {"id": path, "name": node.id}}
    return shown | ({"metadata": {"graph_id": node.inner}} if node.inner is not None else {})


def schemas(plan: Plan) -> JsonObject:
    """What a graph takes, gives and keeps. It has neither configuration nor context."""
    inputs = dict(plan.inputs)
    state: JsonObject = {name: dict(value.type) for name, value in plan.state.items()}
    if plan.chat:
        state["messages"] = _MESSAGES
        inputs["properties"] = dict(inputs.get("properties") or {}) | {"messages": _MESSAGES}
        # What the input of the chat holds may come as the last message.
        inputs["required"] = [name for name in inputs.get("required") or [] if name != plan.chat.get("input")]
    values = dict(plan.outputs.get("properties") or {}) | state
    return {
        "graph_id": plan.name,
        "input_schema": inputs | {"title": f"{plan.name}_input"},
        "output_schema": plan.outputs | {"title": f"{plan.name}_output"},
        "state_schema": {"title": f"{plan.name}_state", "type": "object", "properties": values},
        "config_schema": None,
        "context_schema": None,
    }


def subgraphs(plan: Plan, plans: Mapping[str, Plan], prefix: str = "") -> Iterator[tuple[str, JsonObject]]:
    """The graphs inside of one, each with its namespace: the nodes that lead to it, joined by `|`."""
    for inner in inner_of(plan):
        child = plans.get(inner.digest)
        if child is None:
            continue
        yield f"{prefix}{inner.place}", schemas(child)
        deeper = {digest: found for digest, found in plans.items() if digest != inner.digest}
        yield from subgraphs(child, deeper, f"{prefix}{inner.place}|")
