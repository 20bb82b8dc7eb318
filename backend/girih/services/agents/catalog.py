"""What a project has published, as the compiler wants to know it."""

from __future__ import annotations

from girih.db.unit_of_work import Work
from girih.language.compiler.plan import digest_of
from girih.language.compiler.workspace import Catalog
from girih.language.nodes.base import GraphContract, ToolContract
from girih.language.spec.tree import JsonObject
from girih.language.spec.types import object_schema
from girih.services.agents import repository
from girih.services.agents.ports import Collections
from girih.services.registry.service import RegistryService


async def catalog_of(work: Work, registry: RegistryService, collections: Collections) -> Catalog:
    """The catalog of the transaction's project: its models, tools, collections and agents, and the built-in models."""
    graphs = await repository.contracts(work, work.speaks_for)
    tools = await registry.documents(work, "tool/v1")
    return Catalog(
        models=Catalog().models | (await registry.documents(work, "model/v1")).keys(),
        knowledge=await collections.collection_names(work),
        tools={name: _tool(document) for name, document in tools.items()},
        graphs={graph.name: GraphContract(*graph) for graph in graphs},
    )


def _tool(document: JsonObject) -> ToolContract:
    return ToolContract(
        name=document["name"],
        digest=digest_of(document),
        parameters=object_schema(document.get("parameters", {})),
        returns=object_schema(document.get("returns", {})),
        document=document,
    )
