"""What is known of a workspace before it is published: what was compiled, and what its tests said."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from girih.language.compiler.pipeline import Compilation, compile_workspace
from girih.language.compiler.workspace import Catalog, Workspace
from girih.language.spec.tree import JsonObject
from girih.services.agents.gates import Proof
from girih.services.agents.trial_reports import as_kept, report_of


@dataclass(frozen=True)
class Rehearsed:
    """What tests said, and what was compiled for them."""

    proof: Proof
    catalog: Catalog | None = None
    made: Compilation | None = None
    version: str | None = None
    """Girih's; `None` where there is no gate."""

    async def compilation(self, workspace: Workspace, catalog: Catalog) -> Compilation:
        """The workspace compiled against the catalog; not a second time if that is as it was."""
        if self.made is not None and self.catalog == catalog:
            return self.made
        return await asyncio.to_thread(compile_workspace, workspace, catalog)

    def report(self, digest: str) -> JsonObject | None:
        """What is kept with a version of that digest."""
        if self.version is None:
            return None
        found = self.proof.reports.get(digest) or report_of((), (), datetime.now(UTC), self.version)
        return as_kept(found)

    def is_forced(self, digest: str) -> bool:
        """Whether a version of that digest is published although a test of it failed."""
        return self.proof.forced and bool(self.proof.findings.get(digest))
