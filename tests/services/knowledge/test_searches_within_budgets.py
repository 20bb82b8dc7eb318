"""Searches that no run makes: what they ask of models is held against the budgets, and counted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from tests.services.knowledge.conftest import Ingest, Publish

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import NodeError
from girih.language.nodes.ports import ModelDone, ModelEvent, ModelRequest, Models, SearchRequest, TextDelta, Usage
from girih.providers.embeddings.ladder import Embedders
from girih.services.knowledge.searching import SearchService
from girih.services.usage.allowances import Allowances
from girih.services.usage.metered_models import MeteredModels
from girih.services.usage.metering import Metering
from girih.services.usage.schemas import BudgetIn
from girih.services.usage.service import UsageService

REWRITTEN = SearchRequest("docs", "coupon", mode="keyword", rewrite=("small",), queries=1)
SORTED = SearchRequest("docs", "article", mode="keyword", rerank=("model://small",))


class Model:
    """Gives another wording, or an order, for 110 tokens; or fails."""

    def __init__(self) -> None:
        self.asked = 0
        self.fault: NodeError | None = None

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        assert request.schema is not None
        self.asked += 1
        await asyncio.sleep(0)
        if self.fault is not None:
            raise self.fault
        known = {"questions": ["voucher"], "best": [2, 1]}
        yield TextDelta(json.dumps({name: known[name] for name in request.schema["properties"]}))
        yield ModelDone(Usage(100, 10, 0.01), "small-1", "test")


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
async def searches(uow: UnitOfWork, scope: OrgScope, publish: Publish, ingest: Ingest, model: Model) -> SearchService:
    """Two documents, and a model behind the budgets."""
    await publish(scope)
    await ingest(scope, "a.md", b"A voucher for an article lasts two years.")
    await ingest(scope, "b.md", b"An article may be sent back.")
    metering = Metering(uow, Allowances(uow), lambda scope: {"small": {"params": {"max_tokens": 50}}})

    async def models_of(scope: OrgScope) -> Models:
        return MeteredModels(model, metering, scope, ("(search)", "(search)"))

    return SearchService(uow, Embedders("hashing"), models_of=models_of)


async def test_what_searches_ask_of_models_is_counted(
    searches: SearchService, scope: OrgScope, model: Model, uow: UnitOfWork
) -> None:
    assert [hit.document for hit in (await searches.search(scope, REWRITTEN)).hits] == ["a.md"]
    assert len((await searches.search(scope, SORTED)).hits) == 2
    model.fault = NodeError("timeout", "the model was silent")
    assert (await searches.search(scope, REWRITTEN)).hits == []
    rows = (await UsageService(uow).usage(scope, group_by=["agent", "model"])).items
    found = {(row.agent, row.model): (row.calls, row.errors, row.input_tokens) for row in rows}
    assert found == {("(search)", "small-1"): (2, 0, 200), ("(search)", "small"): (1, 1, 0)}


async def test_searches_at_once_do_not_overspend_a_budget_together(
    searches: SearchService, scope: OrgScope, model: Model, uow: UnitOfWork
) -> None:
    usage = UsageService(uow)
    await usage.set_budget(scope, BudgetIn(target="project", period="day", tokens=150))
    found = await asyncio.gather(*(searches.search(scope, request) for request in (REWRITTEN, SORTED) * 3))
    assert model.asked == 2, "each call uses 110 tokens: the second one began while 40 were left"
    told = [one.explanation.rewrite or one.explanation.rerank for one in found]
    refused = [note.failed for note in told if note is not None and note.failed]
    assert len(refused) == 4
    assert all(reason and "is used up: 150 tokens a day" in reason for reason in refused)
    (budget,) = await usage.budgets(scope)
    assert budget.spent_tokens == 220
    async with uow(scope) as work:
        assert (await work.session.scalars(text("SELECT id FROM spending_holds"))).all() == []
    assert len((await searches.search(scope, SORTED)).hits) == 2, "without a model, in the order that was there"
    assert model.asked == 2
