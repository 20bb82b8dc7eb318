"""What this installation has for node kinds that need more than the process itself; asked when a graph is published."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from girih.errors import NodeError
from girih.language.nodes.base import Facility
from girih.language.spec.tree import JsonObject
from girih.providers.sandbox.monty import MontySandbox
from girih.providers.tools.plugins import PluginError, Plugins


async def _sandbox() -> str | None:
    # One program that is run tells more than a package that is installed: its worker may be missing all the same.
    sandbox = MontySandbox(processes=1)
    try:
        await sandbox.run("1", {}, timeout=10.0, memory_mb=16)
    except NodeError as fault:
        return (fault.help or fault.message) if fault.kind == "unavailable" else None
    finally:
        await sandbox.close()
    return None


_PROBES: Mapping[Facility, Callable[[], Awaitable[str | None]]] = {"sandbox": _sandbox}


class InstalledFacilities:
    """Tries each facility when it is first asked for, and again for as long as it is missing."""

    def __init__(self) -> None:
        self._here: set[Facility] = set()
        self._plugins = Plugins()

    async def remedy(self, facility: Facility) -> str | None:
        """See `Facilities`."""
        if facility in self._here:
            return None
        remedy = await _PROBES[facility]()
        if remedy is None:
            self._here.add(facility)
        return remedy

    async def plugin_fault(self, document: JsonObject) -> tuple[str, str] | None:
        """See `Facilities`. A plug-in is loaded for it, in a thread: its module may do anything while it is."""
        try:
            misfit = await asyncio.to_thread(self._plugins.misfit, document)
        except PluginError as fault:
            return fault.message, fault.help
        name = document["python"]["plugin"]
        return (misfit, f"`girih tools import python://{name}` writes it as it is") if misfit else None
