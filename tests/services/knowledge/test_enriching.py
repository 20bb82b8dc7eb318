"""Enrichers: what a model says of a document is embedded with its passages, shown in hits, counted, and asked once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text
from tests.services.knowledge.conftest import Dispatched, make_library, work_off

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import BudgetExceeded, NodeError
from girih.language.compiler.workspace import OtherSpec
from girih.language.nodes.ports import Hit, ModelDone, ModelEvent, ModelRequest, SearchRequest, TextDelta, Usage
from girih.language.spec.tree import JsonObject
from girih.providers.embeddings.ladder import Embedders
from girih.services.knowledge.documents import DocumentService
from girih.services.knowledge.enriching import Enriching
from girih.services.knowledge.service import KnowledgeService
from girih.services.pipelines import publishing as pipelines
from girih.services.usage.allowances import Allowances
from girih.services.usage.metering import Metering
from girih.services.usage.schemas import BudgetIn
from girih.services.usage.service import UsageService

Publish = Callable[..., Awaitable[None]]
TEXT = b"Otters live beside rivers. " * 60


class Model:
    """A model that answers by the wish, or fails as it is told."""

    def __init__(self) -> None:
        self.wishes: list[str] = []
        self.fault: NodeError | None = None
        self.answer: str | None = None

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        assert request.models == ("small",)
        assert request.schema is not None
        self.wishes.append(request.messages[-1].content)
        if self.fault is not None:
            raise self.fault
        known = {"title": "On otters", "summary": "Otters and rivers.", "questions": ["Where is a zebulon?"]}
        wanted = {name: known[name] for name in request.schema["properties"]}
        yield TextDelta(self.answer or json.dumps(wanted))
        yield ModelDone(Usage(100, 10, 0.01), "small-1", "test")


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def metering(uow: UnitOfWork) -> Metering:
    return Metering(uow, Allowances(uow), lambda scope: {"small": {"params": {"max_tokens": 50}}})


@pytest.fixture
def knowledge(uow: UnitOfWork, tmp_path: Path, model: Model, metering: Metering) -> KnowledgeService:
    async def models_of(scope: OrgScope) -> Model:
        return model

    return KnowledgeService(uow, tmp_path, Embedders("hashing"), enriching=Enriching(models_of, metering), attempts=1)


@pytest.fixture
def library(uow: UnitOfWork, tmp_path: Path) -> DocumentService:
    return make_library(uow, tmp_path)


@pytest.fixture
def put(uow: UnitOfWork, knowledge: KnowledgeService) -> Publish:
    """Publishes the pipeline `p` with this enricher (and other steps), and the collection `docs`, which names it."""

    async def publish(scope: OrgScope, enricher: JsonObject, **steps: object) -> None:
        pipeline = {"kind": "pipeline/v1", "name": "p", "enricher": {"model": "model://small"} | enricher, **steps}
        collection = {"kind": "collection/v1", "name": "docs", "pipeline": "pipeline://p"}
        async with uow(scope) as work:
            await pipelines.put(work, [OtherSpec("pipeline/v1", "p", "p.yaml", pipeline, repr(pipeline))])
            spec = OtherSpec("collection/v1", "docs", "c.yaml", collection, repr(collection))
            await knowledge.put_collections(work, [spec])

    return publish


async def hits(knowledge: KnowledgeService, scope: OrgScope, query: str) -> list[Hit]:
    return await knowledge.search(scope, SearchRequest("docs", query, mode="vector", top_k=20))


async def test_what_a_model_adds_is_embedded_shown_and_counted(
    knowledge: KnowledgeService, library: DocumentService, put: Publish, scope: OrgScope, dispatched: Dispatched,
    model: Model, uow: UnitOfWork
) -> None:  # fmt: skip
    await put(scope, {"add": ["title", "summary", "questions"], "count": 1})
    await library.upload(scope, "docs", "a.txt", TEXT)
    await work_off(knowledge, dispatched)
    found = await hits(knowledge, scope, "zebulon")
    assert found[0].metadata == {
        "title": "On otters", "summary": "Otters and rivers.", "questions": ["Where is a zebulon?"]}  # fmt: skip
    assert "zebulon" not in found[0].text
    assert found[0].score > 0.1
    assert len(model.wishes) == 1 + len(found)
    page = await UsageService(uow).usage(scope, group_by=["agent", "node", "model"])
    (row,) = page.items
    assert (row.agent, row.node, row.model) == ("pipeline://p@1.0.0", "enricher", "small-1")
    assert (row.calls, row.input_tokens, row.cost_usd) == (1 + len(found), 100 * (1 + len(found)), pytest.approx(
        0.01 * (1 + len(found))))  # fmt: skip


async def test_a_model_is_asked_once_of_the_same_passages(
    knowledge: KnowledgeService, library: DocumentService, put: Publish, scope: OrgScope, dispatched: Dispatched,
    model: Model
) -> None:  # fmt: skip
    await put(scope, {"add": ["summary", "questions"]})
    await library.upload(scope, "docs", "a.txt", TEXT)
    await work_off(knowledge, dispatched)
    asked = len(model.wishes)
    await knowledge.reindexing.rebuild(scope, "docs")
    await work_off(knowledge, dispatched)
    assert len(model.wishes) == asked
    await put(scope, {"add": ["summary", "questions"], "on_error": "skip"})
    await work_off(knowledge, dispatched)
    assert len(model.wishes) == asked
    assert (await knowledge.reindexing.indexes(scope, "docs"))[0].number == 3


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (NodeError("refused", "no key"), "the enricher's model model://small failed (refused): no key"),
        (NodeError("timeout", "too slow"), "the enricher's model model://small cannot be asked: too slow"),
    ],
)
async def test_a_model_that_fails_fails_the_document_in_words(
    knowledge: KnowledgeService, library: DocumentService, put: Publish, scope: OrgScope, dispatched: Dispatched,
    model: Model, uow: UnitOfWork, fault: NodeError, said: str
) -> None:  # fmt: skip
    await put(scope, {"add": ["title"]})
    model.fault = fault
    document = await library.upload(scope, "docs", "a.txt", TEXT)
    await work_off(knowledge, dispatched)
    shown = await library.document(scope, document.id)
    assert shown.status == "failed"
    assert said in (shown.reason or "")
    (row,) = (await UsageService(uow).usage(scope, group_by=["model"])).items
    assert (row.calls, row.errors) == (1, 1)


@pytest.mark.parametrize("answer", ["no JSON", '{"title": ""}', '{"name": "x"}'])
async def test_a_failure_can_be_passed_over(
    knowledge: KnowledgeService, library: DocumentService, put: Publish, scope: OrgScope, dispatched: Dispatched,
    model: Model, uow: UnitOfWork, answer: str
) -> None:  # fmt: skip
    await put(scope, {"add": ["title"], "on_error": "skip"})
    model.answer = answer
    document = await library.upload(scope, "docs", "a.txt", TEXT)
    await work_off(knowledge, dispatched)
    assert (await library.document(scope, document.id)).status == "ready"
    assert (await hits(knowledge, scope, "otters"))[0].metadata == {}
    (row,) = (await UsageService(uow).usage(scope, group_by=["model"])).items
    assert (row.input_tokens, row.errors) == (100, 1)


async def test_a_budget_that_is_used_up_is_kept_to(
    knowledge: KnowledgeService, library: DocumentService, put: Publish, scope: OrgScope, dispatched: Dispatched,
    model: Model, metering: Metering, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    async def over(scope: OrgScope, request: ModelRequest) -> UUID | None:
        raise BudgetExceeded("the project's budget for today is used up")

    monkeypatch.setattr(metering, "hold", over)
    await put(scope, {"add": ["title"], "on_error": "skip"})
    document = await library.upload(scope, "docs", "a.txt", TEXT)
    await work_off(knowledge, dispatched)
    shown = await library.document(scope, document.id)
    assert shown.status == "failed"
    assert "budget for today is used up" in (shown.reason or "")
    assert model.wishes == []


async def test_calls_at_once_hold_what_they_may_use_and_overspend_no_budget_together(
    knowledge: KnowledgeService, library: DocumentService, put: Publish, scope: OrgScope, dispatched: Dispatched,
    model: Model, uow: UnitOfWork
) -> None:  # fmt: skip
    usage = UsageService(uow)
    await usage.set_budget(scope, BudgetIn(target="project", period="day", tokens=150))
    await put(scope, {"add": ["questions"]})
    document = await library.upload(scope, "docs", "a.txt", TEXT * 8)
    await work_off(knowledge, dispatched)
    shown = await library.document(scope, document.id)
    assert "is used up: 150 tokens a day" in (shown.reason or "")
    assert len(model.wishes) == 2, "each call uses 110 tokens: the second one began while 40 were left"
    (budget,) = await usage.budgets(scope)
    assert budget.spent_tokens == 220
    async with uow(scope) as work:
        assert (await work.session.scalars(text("SELECT id FROM spending_holds"))).all() == []
