"""The example agent on its real handbook, parsed, embedded and searched for real: what the demo model makes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.conftest import make_scope
from tests.engine.handbook_questions import ANSWERED, UNANSWERED
from tests.engine.plans import World

from girih.db.engine import make_sessions
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.language.compiler.folder import read_folder
from girih.language.compiler.pipeline import compile_workspace
from girih.language.nodes.ports import Hit, SearchRequest
from girih.language.spec.tree import JsonObject
from girih.providers.embeddings.ladder import Embedders
from girih.providers.models.chat import ModelOptions, make_models
from girih.providers.storage.local import LocalStorage
from girih.services.knowledge.documents import DocumentService
from girih.services.knowledge.service import KnowledgeService
from girih.services.pipelines import publishing as pipelines

SPECS = Path(__file__).parents[2] / "agent_specs"
COMPILATION = compile_workspace(read_folder(SPECS))


class Handbook:
    """The retriever port over the real service."""

    def __init__(self, knowledge: KnowledgeService, scope: OrgScope) -> None:
        self._knowledge = knowledge
        self._scope = scope

    async def search(self, request: SearchRequest, models: object) -> list[Hit]:
        return await self._knowledge.search(self._scope, request)


@pytest.fixture(scope="module")
async def handbook(engine: AsyncEngine, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Handbook]:
    """The handbook, ingested once for all questions with the offline embedder."""
    rung: list[str] = []
    uow = UnitOfWork(make_sessions(engine), lambda _, job_id: rung.append(job_id))
    scope = await make_scope(uow)
    folder = tmp_path_factory.mktemp("handbook")
    knowledge = KnowledgeService(uow, folder, Embedders("minilm"))
    library = DocumentService(uow, LocalStorage(folder), folder)
    async with uow(scope) as work:
        await pipelines.put(work, COMPILATION.others)
        await knowledge.put_collections(work, [o for o in COMPILATION.others if o.kind == "collection/v1"])
    for file in sorted((SPECS / "handbook").iterdir()):
        await library.upload(scope, "handbook", file.name, file.read_bytes())
    while rung:
        await knowledge.ingest(rung.pop(0))
    assert {document.status for document in (await library.documents(scope, "handbook"))[0]} == {"ready"}
    yield Handbook(knowledge, scope)


async def ask(handbook: Handbook, question: str) -> JsonObject:
    world = World(retriever=handbook)  # type: ignore[arg-type]
    world.models = make_models({}, ModelOptions())  # type: ignore[assignment]
    outcome = await world.run(COMPILATION.plans["handbook"], {"question": question})
    assert outcome.outputs is not None, outcome.error
    return outcome.outputs


@pytest.mark.parametrize(("question", "words"), ANSWERED.items(), ids=list(ANSWERED))
async def test_it_answers_with_the_right_statement_and_cites_it(handbook: Handbook, question: str, words: str) -> None:
    outputs = await ask(handbook, question)
    first, mark, _ = outputs["text"].partition("]")[2].partition(" [")
    assert mark
    assert words in first, outputs["text"]
    [cited] = outputs["citations"][:1]
    assert "".join(words.split()) in "".join(cited["text"].split()) or " | " in first
    assert cited["document"] in {file.name for file in (SPECS / "handbook").iterdir()}


@pytest.mark.parametrize("question", UNANSWERED)
async def test_it_says_that_the_passages_do_not_answer(handbook: Handbook, question: str) -> None:
    outputs = await ask(handbook, question)
    assert outputs["text"] == "[demo model] The passages do not answer this question."
    assert outputs["citations"] == []
