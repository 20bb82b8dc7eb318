"""One import on its way: what is done, and what stands against it, in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from girih.db.unit_of_work import Work
from girih.language.bundles.manifest import Bundle, DocumentEntry
from girih.providers.signing.checking import Checked
from girih.services.agents.gate_schemas import Done, ImportedOut

ANOTHER: Final = "is here already, and is another one"


@dataclass
class Course:
    """The open transaction, the bundle with what is known of its signatures, and how far it has come."""

    work: Work
    bundle: Bundle
    checked: dict[str, Checked]
    done: list[ImportedOut] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)

    def tell(self, entry: DocumentEntry, action: Done) -> None:
        """Say what happens to a document."""
        self.done.append(ImportedOut(kind=entry.kind, name=entry.name, version=entry.version, action=action))


def noun(kind: str) -> str:
    """What people call a thing of that kind."""
    return kind.partition("/")[0]
