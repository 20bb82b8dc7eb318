"""The retrieve node: what it asks the collection, and bounds that also hold for values known only at run time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from tests.language.nodes.fake_context import Turns, World, scope

from girih.errors import NodeError
from girih.language.nodes.ports import Hit, SearchRequest
from girih.language.nodes.retrieve import RetrieveConfig, RetrieveNode
from girih.language.spec.conform import contract

NODE = RetrieveNode()
SCOPE = replace(scope(), knowledge={"kb": "handbook"})
HIT = Hit("c", "d", "book.md", "Text", 0.5, {"page": 3, "heading": ["One"], "start": 0, "end": 4})


@dataclass
class Shelf:
    asked: list[SearchRequest] = field(default_factory=list)

    async def search(self, request: SearchRequest, models: object) -> list[Hit]:
        self.asked.append(request)
        return [HIT]


async def retrieve(**written: Any) -> tuple[Any, SearchRequest]:
    config = RetrieveConfig.model_validate({"retrieve": "kb", "query": "q", **written})
    context, shelf = World(Turns([])).context(), Shelf()
    context = replace(context, ports=replace(context.ports, retriever=shelf))
    values = {slot.name: slot.value for slot in NODE.slots(config, SCOPE)}
    result = await NODE.run(NODE.lower(config, SCOPE), values, context)
    assert not contract(NODE.returns(config, SCOPE)).misfits(result)
    return result, shelf.asked[0]


async def test_it_asks_as_it_is_written() -> None:
    result, asked = await retrieve(top_k=3, mode="vector", min_score=0.4)
    assert result == {"hits": [HIT.as_dict()]}
    assert asked == SearchRequest("handbook", "q", 3, "vector", 0.4)
    _, asked = await retrieve()
    assert asked == SearchRequest("handbook", "q", 8, "hybrid", None)


@pytest.mark.parametrize("top_k", [0, -1, 51, 10**9])
async def test_the_number_of_hits_is_bounded_at_run_time(top_k: int) -> None:
    with pytest.raises(NodeError, match="1 to 50") as caught:
        await retrieve(top_k=top_k)
    assert caught.value.kind == "invalid_output"
