"""Tools that are plug-ins: published only where they are installed, and as their functions are."""

from __future__ import annotations

from collections.abc import Iterable

from girih.errors import SpecRefused
from girih.language.spec.tree import JsonObject
from girih.services.agents.ports import Facilities


async def require_plugins(facilities: Facilities, documents: Iterable[JsonObject]) -> None:
    """Raises `SpecRefused` for a tool whose plug-in is not here, or is not as its document says."""
    for document in documents:
        if document.get("kind") != "tool/v1" or "python" not in document:
            continue
        found = await facilities.plugin_fault(document)
        if found is not None:
            message, way_out = found
            place = ("tool/v1", document["name"], ("python", "plugin"))
            raise SpecRefused(
                f"tool `{document['name']}`: {message}; nothing was published", [place], help=way_out, missing="plugin"
            )
