"""Documents whose files are gone: found among those that were brought from these paths, asked about, deleted."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import typer

from girih.cli.client import Refused, Server, fail
from girih.cli.forms import has_terminal
from girih.cli.output import USAGE, complain, note
from girih.language.spec.tree import JsonObject


def place_of(folder: Path) -> str:
    """What documents from a folder carry: a digest, for where folders lie on a machine is nobody's business."""
    return f"folder:{hashlib.sha256(str(folder.resolve()).encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"


def folder_of(path: Path, name: str) -> Path:
    """The folder in which a file has that name."""
    return path.parents[len(PurePosixPath(name).parts) - 1]


@dataclass(frozen=True)
class Removal:
    """Documents that are to go, by their keys, of those that came from the same places."""

    gone: Mapping[str, JsonObject]
    brought: int
    others: int
    """Documents that are not among the files either, and came from elsewhere."""

    @property
    def is_sudden(self) -> bool:
        """Whether it would be more than half of them: a folder that was emptied, or is not there for a while."""
        return len(self.gone) * 2 > self.brought


def absent(known: Mapping[str, JsonObject], places: Set[str], present: Set[str]) -> Removal:
    """The documents from these places that are not present; what others brought is never among them."""
    brought = {
        key
        for key, document in known.items()
        if document["source_id"] is None and document["name"] == key and document["source_ref"] in places
    }
    gone = brought - present
    others = known.keys() - brought - present
    return Removal({key: known[key] for key in sorted(gone)}, len(brought), len(others))


def is_wanted(removal: Removal, *, yes: bool, while_watching: bool = False) -> bool:
    """Say how many are to go, and ask where that is many. Without a terminal `--yes` has to say so.

    While files are watched, such documents stay; else the command ends.
    """
    stays = f"; {_counted(removal.others)} from elsewhere stay" if removal.others else ""
    if not removal.gone:
        return False
    said = f"{_counted(removal.gone)} of {removal.brought} that came from here have no file any more"
    note(f"{said}{stays}")
    if yes or not removal.is_sudden:
        return True
    if has_terminal():
        return typer.confirm("That is more than half. Delete them?", err=True)
    if not while_watching:
        fail("more than half of the documents would be deleted", "say --yes if that is right", code=USAGE)
    complain("that is more than half, and they stay", "start with --yes if they are to be deleted")
    return False


def remove(server: Server, removal: Removal) -> None:
    """Delete them; what is gone already is as good."""
    for key, document in removal.gone.items():
        try:
            server.attempt("DELETE", f"/v1/documents/{document['id']}")
        except Refused as refused:
            if refused.failure.status != 404:
                server.give_up(refused.failure)
        note(f"{key}: deleted")


def _counted(of: int | Mapping[str, JsonObject]) -> str:
    count = of if isinstance(of, int) else len(of)
    return f"{count} document" if count == 1 else f"{count} documents"
