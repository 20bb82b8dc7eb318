"""Documents whose files are gone: found among those that were brought from these folders, asked about, deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import typer

from girih.cli.client import Refused, Server, fail
from girih.cli.forms import has_terminal
from girih.cli.ingest_sources import Source, read_ref
from girih.cli.output import USAGE, complain, note
from girih.language.spec.tree import JsonObject


@dataclass(frozen=True)
class Removal:
    """Documents that are to go, by their keys, of those that came from the same folders."""

    gone: Mapping[str, JsonObject]
    brought: int
    others: int
    """Documents that are not among the files either, and came from elsewhere."""
    namesakes: int = 0
    """How many of those that are to go came from a folder of the same name in another place."""

    @property
    def doubt(self) -> str | None:
        """Why it has to be asked first, if it has to."""
        if self.namesakes:
            return f"{_counted(self.namesakes)} of them came from a folder of the same name in another place"
        # A folder that was emptied, or is not there for a while.
        return "that is more than half" if len(self.gone) * 2 > self.brought else None


def absent(known: Mapping[str, JsonObject], sources: Sequence[Source], present: Set[str]) -> Removal:
    """The documents from these folders that are not present; what came from others is never among them."""
    names = {source.name for source in sources}
    brought: dict[str, bool] = {}
    for key, document in known.items():
        source = read_ref(document["source_ref"])
        if document["source_id"] is None and document["name"] == key and source is not None and source.name in names:
            brought[key] = any(one.is_same(source) for one in sources)
    gone = sorted(brought.keys() - present)
    others = known.keys() - brought.keys() - present
    strange = sum(not brought[key] for key in gone)
    return Removal({key: known[key] for key in gone}, len(brought), len(others), strange)


def is_wanted(removal: Removal, *, yes: bool, while_watching: bool = False) -> bool:
    """Say how many are to go, and ask where that is many. Without a terminal `--yes` has to say so.

    While files are watched, such documents stay; else the command ends.
    """
    stays = f"; {_counted(removal.others)} from elsewhere stay" if removal.others else ""
    if not removal.gone:
        return False
    said = f"{_counted(removal.gone)} of {removal.brought} that came from here have no file any more"
    note(f"{said}{stays}")
    doubt = removal.doubt
    if yes or doubt is None:
        return True
    if has_terminal():
        return typer.confirm(f"{doubt[0].upper()}{doubt[1:]}. Delete them?", err=True)
    way_out = "--source NAME says that it is the same folder, --yes that they may go" if removal.namesakes else "--yes"
    if not while_watching:
        fail(f"{doubt}: nothing was deleted or sent", f"if it is right, say so: {way_out}", code=USAGE)
    complain(f"{doubt}, and they stay", f"if they are to be deleted, start with {way_out}")
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
