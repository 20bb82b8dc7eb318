"""What is written with each version of one apply: what its tests said, and the server's signature."""

from __future__ import annotations

from girih.db.unit_of_work import Work
from girih.services.agents.rehearsed import Rehearsed
from girih.services.agents.signing import Signing
from girih.services.agents.tables import AgentVersion


class Seals:
    """What is written with each version of one apply."""

    def __init__(self, signing: Signing, rehearsed: Rehearsed) -> None:
        self._signing = signing
        self._rehearsed = rehearsed

    async def put(self, work: Work, name: str, version: AgentVersion) -> None:
        """Write the report, and then sign all of it: nothing of the version may change afterwards."""
        version.report = self._rehearsed.report(version.digest)
        version.forced = self._rehearsed.is_forced(version.digest)
        await self._signing.seal(work, name, version)
