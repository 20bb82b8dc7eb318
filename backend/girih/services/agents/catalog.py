"""What a project has published, as the compiler wants to know it."""

from __future__ import annotations

from girih.db.unit_of_work import Work
from girih.language.compiler.plan import digest_of
from girih.language.compiler.workspace import Catalog, Workspace
from girih.language.nodes.base import GraphContract, ModelContract, ToolContract
from girih.language.spec.tools import tool_schemas
from girih.language.spec.tree import JsonObject
from girih.services.agents import repository, shelf_repository
from girih.services.agents.mentions import mentioned_versions
from girih.services.agents.numbering import published
from girih.services.agents.ports import Collections
from girih.services.pipelines.publishing import known as known_pipelines
from girih.services.pipelines.publishing import newest as newest_pipelines
from girih.services.registry.service import RegistryService


async def catalog_of(work: Work, registry: RegistryService, collections: Collections, workspace: Workspace) -> Catalog:
    """The catalog of the transaction's project: all that it has published, and the built-in models.

    Of an agent it holds the latest version, and every other one that a text of the workspace mentions.
    """
    graphs = {graph.name: GraphContract(*graph) for graph in await repository.contracts(work, work.speaks_for)}
    models = await registry.digests(work, "model/v1")
    answering = await registry.effective(work)
    # A graph of the workspace says its own name somewhere in its text.
    here = [name for name in graphs if any(name in text for text in workspace.files.values())]
    knowledge = await collections.collection_digests(work)
    pipelines = await known_pipelines(work, workspace.files.values())
    tools = await registry.documents(work, "tool/v1")
    return Catalog(
        models=Catalog().models | answering.keys(),
        knowledge=frozenset(knowledge),
        tools={name: _tool(document) for name, document in tools.items()},
        graphs=graphs | await mentioned_versions(work, workspace.files.values(), graphs),
        model_contracts={name: ModelContract.of(name, document) for name, document in answering.items()},
        bound=await registry.bound(work),
        published=await published(work, here),
        is_whole=True,
        pipelines=pipelines,
        published_pipelines=await newest_pipelines(work),
        shelf=await shelf_repository.shelf(work, work.speaks_for),
        metadata=await collections.collection_metadata(work),
        digests={("model", name): digest for name, digest in models.items()}
        | {("knowledge", name): digest for name, digest in knowledge.items()},
    )


def _tool(document: JsonObject) -> ToolContract:
    parameters, returns = tool_schemas(document)
    return ToolContract(document["name"], digest_of(document), parameters, returns, document)
