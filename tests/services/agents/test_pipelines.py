"""Pipelines as they are published: immutable versions, resolved and locked by the collections that name them."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from girih.db.engine import make_engine
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, NotFound, SpecInvalid
from girih.services.agents.schemas import ApplyOut
from girih.services.agents.service import AgentService
from girih.services.knowledge.service import KnowledgeService

PIPELINE = "kind: pipeline/v1\nname: careful\nsplitter: { size: 100, overlap: 10 }\n"
COLLECTION = "kind: collection/v1\nname: books\npipeline: pipeline://careful\n"
BOTH = {"p.yaml": PIPELINE, "c.yaml": COLLECTION}


def told(out: ApplyOut) -> dict[str, tuple[str, str | None]]:
    return {change.name: (change.action, change.version) for change in out.changes}


async def locked(knowledge: KnowledgeService, scope: OrgScope) -> str | None:
    return (await knowledge.reindexing.indexes(scope, "books"))[0].pipeline


async def test_a_pipeline_and_its_collection_are_published_together(
    agents: AgentService, knowledge: KnowledgeService, scope: OrgScope
) -> None:
    assert told(await agents.apply(scope, BOTH)) == {"books": ("create", None), "careful": ("create", "1.0.0")}
    assert told(await agents.apply(scope, BOTH)) == {"books": ("unchanged", None), "careful": ("unchanged", "1.0.0")}
    (index,) = await knowledge.reindexing.indexes(scope, "books")
    assert (index.pipeline, index.config["chunk"]["size"]) == ("careful@1.0.0", 100)
    (pipeline,) = await knowledge.pipelines.pipelines(scope)
    assert (pipeline.name, pipeline.version, pipeline.number) == ("careful", "1.0.0", 1)


async def test_versions_count_by_what_a_change_means(
    agents: AgentService, knowledge: KnowledgeService, scope: OrgScope
) -> None:
    texts = [
        PIPELINE,
        PIPELINE + "description: Reads twice.\n",
        PIPELINE + "cleaner: { hyphens: join }\n",
        PIPELINE + "embedder: hashing\n",
        PIPELINE + "version: 5.0.0\n",
        PIPELINE + "title: T\n",
    ]
    found = [told(await agents.apply(scope, {"p.yaml": text}))["careful"] for text in texts]
    versions = ["1.0.0", "1.0.1", "1.1.0", "2.0.0", "5.0.0", "5.0.1"]
    assert [version for _, version in found] == versions
    assert [action for action, _ in found] == ["create", *["update"] * 5]
    listed = await knowledge.pipelines.versions(scope, "careful")
    assert [one.version for one in listed] == versions[::-1]
    assert listed[-1].document["splitter"]["size"] == 100
    assert listed[0].path == "p.yaml"


@pytest.mark.parametrize(
    ("version", "more", "said", "right"),
    [
        ("1.0.0", "title: Other\n", "version 1.0.0 is not after 1.0.0", "1.0.1"),
        ("0.9.0", "title: Other\n", "version 0.9.0 is not after 1.0.0", "1.0.1"),
        ("1.0.7", "cleaner: { hyphens: join }\n", "version 1.0.7 is too low after 1.0.0", "1.1.0"),
        ("1.4.0", "embedder: hashing\n", "version 1.4.0 is too low after 1.0.0", "2.0.0"),
    ],
)
async def test_a_number_that_is_too_low_is_refused_at_its_line(
    agents: AgentService, scope: OrgScope, version: str, more: str, said: str, right: str
) -> None:
    await agents.apply(scope, {"p.yaml": PIPELINE})
    with pytest.raises(SpecInvalid) as refused:
        await agents.apply(scope, {"p.yaml": f"{PIPELINE}version: {version}\n{more}"})
    (finding,) = refused.value.details["diagnostics"]  # type: ignore[attr-defined]
    assert (finding["code"], finding["line"]) == ("E406", 4)
    assert finding["message"].startswith(said)
    assert finding["related"][0]["line"] == 5
    assert f"write version: {right} " in finding["help"]
    taken = await agents.apply(scope, {"p.yaml": f"{PIPELINE}version: {right}\n{more}"})
    assert told(taken)["careful"] == ("update", right)


@pytest.mark.parametrize(("version", "codes"), [("1.0.0", []), ("3.0.0", ["W607"])])
async def test_a_number_alone_makes_no_version(
    agents: AgentService, scope: OrgScope, version: str, codes: list[str]
) -> None:
    await agents.apply(scope, {"p.yaml": PIPELINE})
    out = await agents.apply(scope, {"p.yaml": f"{PIPELINE}version: {version}\n"})
    assert told(out)["careful"] == ("unchanged", "1.0.0")
    assert [one["code"] for one in out.diagnostics] == codes


async def test_a_collection_keeps_what_it_locked_until_it_is_published_again(
    agents: AgentService, knowledge: KnowledgeService, scope: OrgScope
) -> None:
    await agents.apply(scope, BOTH)
    changed = PIPELINE.replace("100", "150")
    await agents.apply(scope, {"p.yaml": changed})
    assert await locked(knowledge, scope) == "careful@1.0.0"
    assert told(await agents.apply(scope, {"c.yaml": COLLECTION})) == {"books": ("update", None)}
    assert await locked(knowledge, scope) == "careful@1.1.0"


async def test_a_range_stays_within_its_versions(
    agents: AgentService, knowledge: KnowledgeService, scope: OrgScope
) -> None:
    ranged = {"c.yaml": COLLECTION.replace("careful", "careful@^1")}
    await agents.apply(scope, {"p.yaml": PIPELINE})
    await agents.apply(scope, {"p.yaml": PIPELINE.replace("100", "150")})
    await agents.apply(scope, {"p.yaml": PIPELINE + "embedder: hashing\n"})
    await agents.apply(scope, ranged)
    assert await locked(knowledge, scope) == "careful@1.1.0"
    for ref, version in (("@~1.0", "1.0.0"), ("@2.0.0", "2.0.0"), ("", "2.0.0")):
        await agents.apply(scope, {"c.yaml": COLLECTION.replace("careful", f"careful{ref}")})
        assert await locked(knowledge, scope) == f"careful@{version}"


@pytest.mark.parametrize("ref", ["careful@^3", "careful@9.9.9", "carful"])
async def test_a_pipeline_that_is_not_there_is_a_finding_at_its_line(
    agents: AgentService, scope: OrgScope, ref: str
) -> None:
    await agents.apply(scope, {"p.yaml": PIPELINE})
    with pytest.raises(SpecInvalid) as refused:
        await agents.apply(scope, {"c.yaml": COLLECTION.replace("careful", ref)})
    (finding,) = refused.value.details["diagnostics"]  # type: ignore[attr-defined]
    assert (finding["code"], finding["line"]) == ("E401", 3)


async def test_a_pipeline_of_the_workspace_that_does_not_fit_is_refused_in_words(
    agents: AgentService, scope: OrgScope
) -> None:
    with pytest.raises(Conflict, match="collection `books` cannot be published: no version of pipeline") as refused:
        await agents.apply(scope, {"p.yaml": PIPELINE, "c.yaml": COLLECTION.replace("careful", "careful@^4")})
    assert refused.value.help == "published: 1.0.0"


@pytest.mark.parametrize(
    ("step", "said", "help"),
    [
        ("store: { type: qdrant, endpoint: main }", "keeps its vectors on the qdrant `main`", "no qdrant is bound"),
        ("embedder: openai", "cannot be embedded here: the embedder `openai` needs a key", "OPENAI_API_KEY"),
    ],
)
async def test_what_the_operator_has_not_bound_is_refused_in_words(
    agents: AgentService, knowledge: KnowledgeService, scope: OrgScope, step: str, said: str, help: str
) -> None:
    with pytest.raises(Conflict, match=said) as refused:
        await agents.apply(scope, BOTH | {"p.yaml": PIPELINE + step + "\n"})
    assert help in (refused.value.help or "")
    assert await knowledge.pipelines.pipelines(scope) == []


async def test_an_enricher_needs_a_model_that_is_published(agents: AgentService, scope: OrgScope) -> None:
    with_model = PIPELINE + "enricher: { model: model://smal, add: [title] }\n"
    with pytest.raises(SpecInvalid) as refused:
        await agents.apply(scope, {"p.yaml": with_model, "m.yaml": "kind: model/v1\nname: small\nprovider: demo\n"})
    (finding,) = refused.value.details["diagnostics"]  # type: ignore[attr-defined]
    assert (finding["code"], finding["line"], finding["help"]) == ("E401", 4, "did you mean 'small'?")


async def test_two_applies_at_once_make_one_version(
    agents: AgentService, knowledge: KnowledgeService, scope: OrgScope
) -> None:
    outs = await asyncio.gather(*(agents.apply(scope, BOTH) for _ in range(4)))
    assert sorted(told(out)["careful"][0] for out in outs) == ["create", "unchanged", "unchanged", "unchanged"]
    assert len(await knowledge.pipelines.versions(scope, "careful")) == 1
    assert len(await knowledge.reindexing.indexes(scope, "books")) == 1


async def test_a_dry_run_publishes_nothing(agents: AgentService, knowledge: KnowledgeService, scope: OrgScope) -> None:
    out = await agents.apply(scope, BOTH, dry_run=True)
    assert told(out)["careful"] == ("create", "1.0.0")
    assert await knowledge.pipelines.pipelines(scope) == []


async def test_a_published_version_never_changes(
    agents: AgentService, scope: OrgScope, uow: UnitOfWork, owner_database_url: str
) -> None:
    await agents.apply(scope, BOTH)
    for statement in ("UPDATE pipeline_versions SET version = '9.0.0'", "DELETE FROM pipeline_versions"):
        with pytest.raises(DBAPIError):
            async with uow(scope) as work:
                await work.session.execute(text(statement))
    engine = make_engine(owner_database_url, role=None, pool_size=1)
    with pytest.raises(DBAPIError, match="never change"):
        async with engine.begin() as connection:
            await connection.execute(text("SELECT set_config('app.org_id', :id, true)"), {"id": str(scope.org_id)})
            await connection.execute(text("UPDATE pipeline_versions SET version = '9.0.0'"))
    await engine.dispose()


async def test_others_see_nothing_of_it(
    agents: AgentService, knowledge: KnowledgeService, scope: OrgScope, other_scope: OrgScope
) -> None:
    await agents.apply(scope, BOTH)
    assert await knowledge.pipelines.pipelines(other_scope) == []
    with pytest.raises(NotFound):
        await knowledge.pipelines.versions(other_scope, "careful")
    with pytest.raises(SpecInvalid):
        await agents.apply(other_scope, {"c.yaml": COLLECTION})


async def test_the_language_and_the_fields_of_a_collection_are_kept(
    agents: AgentService, knowledge: KnowledgeService, scope: OrgScope, uow: UnitOfWork
) -> None:
    text_ = COLLECTION + "language: german\nmetadata: { year: integer, author: 'string?' }\n"
    await agents.apply(scope, {"p.yaml": PIPELINE, "c.yaml": text_})
    (index,) = await knowledge.reindexing.indexes(scope, "books")
    assert index.config["language"] == "german"
    async with uow(scope) as work:
        schema = await work.session.scalar(text("SELECT metadata_schema FROM collections"))
    assert (schema["required"], schema["properties"]["year"]) == (["year"], {"type": "integer"})
