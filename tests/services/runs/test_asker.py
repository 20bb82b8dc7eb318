"""For whom a run searches is said by its caller, and by nothing that goes into the run."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from tests.engine.plans import node, plan
from tests.services.runs.office import Office, ended

from girih.db.unit_of_work import UnitOfWork
from girih.language.nodes.ports import Asker, Hit, SearchRequest
from girih.services.runs.asker import RunAsker
from girih.services.runs.ports import RunRetriever
from girih.services.runs.schemas import RunIn


class Shelf:
    """Keeps the requests that reach it."""

    def __init__(self) -> None:
        self.asked: list[SearchRequest] = []

    async def search(self, scope: Any, request: SearchRequest, models: Any = None) -> list[Hit]:
        self.asked.append(request)
        return []


@pytest.mark.parametrize(
    ("metadata", "asker"),
    [
        ({"groups": ["sales"], "roles": ["admin", 3]}, Asker("ada", ("sales",), ("admin",))),
        ({"groups": "sales", "roles": {"admin": True}, "user": "eve"}, Asker("ada")),
        ({}, Asker("ada")),
    ],
)
async def test_a_run_searches_for_its_user(office: Office, uow: UnitOfWork, metadata: Any, asker: Asker) -> None:
    await office.publish(plan(node("a", "$end")))
    run = await office.service().create(
        office.scope,
        RunIn(agent="test", user="ada", metadata=metadata, inputs={"user": "eve", "groups": ["board"]}),
    )
    await ended(office.service(), office.scope, run.id)
    shelf = Shelf()
    retriever = RunRetriever(shelf, office.scope, RunAsker(uow, office.scope, UUID(run.id)))  # type: ignore[arg-type]
    await retriever.search(SearchRequest("docs", "q", asker=Asker("eve", ("board",))), None)  # type: ignore[arg-type]
    assert shelf.asked[0].asker == asker
