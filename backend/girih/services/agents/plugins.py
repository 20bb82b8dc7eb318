"""Tools that are plug-ins: published only where they are installed, and as their functions are."""

from __future__ import annotations

from girih.errors import SpecRefused
from girih.language.compiler.pipeline import Compilation
from girih.services.agents.ports import Facilities


async def require_plugins(facilities: Facilities, compilation: Compilation) -> None:
    """Raises `SpecRefused` for a tool whose plug-in is not here, or is not as its file says."""
    for spec in compilation.others:
        if "python" not in spec.document or spec.kind != "tool/v1":
            continue
        found = await facilities.plugin_fault(spec.document)
        if found is not None:
            message, way_out = found
            place = (spec.kind, spec.name, ("python", "plugin"))
            raise SpecRefused(
                f"tool `{spec.name}`: {message}; nothing was published", [place], help=way_out, missing="plugin"
            )
