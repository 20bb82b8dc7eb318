"""What runs reach besides models, knowledge and events: tools, memory, the sandbox, the scanner, cached results."""

from __future__ import annotations

from collections.abc import Callable

from girih.db.tenancy import OrgScope
from girih.language.nodes.ports import Tools
from girih.providers.pii.scanner import PiiScanner
from girih.providers.sandbox.monty import MontySandbox
from girih.services.memory.service import MemoryService
from girih.services.results.service import ResultService
from girih.services.runs.ports import World


def make_world(
    tools: Callable[[OrgScope], Tools], memory: MemoryService, results: ResultService, sandbox: MontySandbox
) -> World:
    """The world around runs; `tools` gives those of a project."""
    return World(tools, memory.of, sandbox=sandbox, scanner=PiiScanner(), cache=results.of)
