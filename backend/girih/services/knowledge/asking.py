"""Asking a model for data while searching: one call, and no second one for an answer of the wrong shape."""

from __future__ import annotations

from girih.errors import NodeError
from girih.language.nodes.ports import ModelDone, ModelRequest, Models, TextDelta, Usage
from girih.language.spec import strict_json
from girih.language.spec.conform import contract
from girih.language.spec.tree import JsonObject

NO_USAGE = Usage()


async def structured(models: Models, request: ModelRequest) -> tuple[JsonObject, Usage]:
    """The model's JSON object, which fits `request.schema`, and what it cost. Raises `NodeError`."""
    text, usage = "", Usage()
    async for event in models.stream(request):
        if isinstance(event, TextDelta):
            text += event.text
        elif isinstance(event, ModelDone):
            usage += event.usage
    try:
        answer = strict_json.loads(text)
    except ValueError as fault:
        raise NodeError("invalid_output", "the model's answer is no JSON") from fault
    if not isinstance(answer, dict) or contract(request.schema or {}).misfits(answer):
        raise NodeError("invalid_output", "the model's answer does not have the shape that was asked for")
    return answer, usage
