"""What a folder and a server had in common last: kept in the folder's `.girih/state.json`, by project."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from girih.cli.client import Refused, Server
from girih.language.compiler.texts import digest_of_text, named_files
from girih.language.spec.tree import JsonObject

_FORMAT = 1
_STATE = Path(".girih") / "state.json"
Key: TypeAlias = tuple[str, str]
"""Kind and name."""


@dataclass(frozen=True)
class Here:
    """A spec in the folder: its file, its text, and the other files that it names."""

    path: str
    source: str
    files: Mapping[str, str]

    @classmethod
    def at(cls, path: str, texts: Mapping[str, str]) -> Here:
        """The spec in that file."""
        return cls(path, texts[path], named_files(texts[path], texts))

    @property
    def digest(self) -> str:
        """Of the text, not of what it means."""
        return digest_of_text(self.source, self.files)


@dataclass(frozen=True)
class Common:
    """A spec when folder and server were the same: its text here, what it meant there, and where aliases led."""

    text: str
    digest: str
    aliases: Mapping[str, str] = field(default_factory=dict)


@dataclass
class State:
    """All that is known of one project, by kind and name."""

    folder: Path
    project: str
    things: dict[Key, Common]

    @classmethod
    def read(cls, folder: Path, project: str) -> State:
        """What was kept; nothing where that cannot be read."""
        try:
            kept = _kept(folder).get(project, {})
            things = {
                (kind, name): Common(one["text"], one["digest"], one["aliases"])
                for kind, names in kept.items()
                for name, one in names.items()
            }
        except (KeyError, TypeError, AttributeError):
            things = {}
        return cls(folder, project, things)

    def note(self, key: Key, here: Here, there: JsonObject) -> None:
        """Folder and server have the same."""
        self.things[key] = Common(here.digest, there["digest"], there["aliases"])

    def save(self) -> None:
        """Keep it; a folder that cannot be written to goes without."""
        kept = _kept(self.folder)
        mine: dict[str, dict[str, JsonObject]] = {}
        for (kind, name), one in sorted(self.things.items()):
            mine.setdefault(kind, {})[name] = {"text": one.text, "digest": one.digest, "aliases": dict(one.aliases)}
        kept[self.project] = mine
        try:
            (self.folder / _STATE).parent.mkdir(exist_ok=True)
            text = json.dumps({"girih_state": _FORMAT, "projects": kept}, indent=1, ensure_ascii=False) + "\n"
            (self.folder / _STATE).write_text(text, "utf-8")
        except OSError:
            return


def published(server: Server, alias: str = "latest", *, texts: bool) -> JsonObject:
    """All that the server has: its project's id, and every spec. Ends the command where it is refused."""
    try:
        return _published(server, alias, texts=texts)
    except Refused as refused:
        server.give_up(refused.failure)


def note_applied(server: Server, folder: Path, texts: Mapping[str, str], changes: list[JsonObject]) -> None:
    """What was just applied is the same here and there. A key that may not read what there is does without."""
    try:
        found = _published(server, texts=False)
    except Refused:
        return
    state = State.read(folder, found["project"])
    there = {(thing["kind"], thing["name"]): thing for thing in found["things"]}
    for change in changes:
        key = change["kind"], change["name"]
        if change["path"] in texts and there.get(key, {}).get("digest") == change["digest"]:
            state.note(key, Here.at(change["path"], texts), there[key])
    state.save()


def _published(server: Server, alias: str = "latest", *, texts: bool) -> JsonObject:
    query = {"alias": alias, "texts": "true" if texts else "false"}
    found: JsonObject = server.attempt("GET", "/v1/workspace/files", params=query, timeout=60)
    return found


def _kept(folder: Path) -> dict[str, JsonObject]:
    try:
        found = json.loads((folder / _STATE).read_text("utf-8"))
        kept = found["projects"] if found["girih_state"] == _FORMAT else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return kept if isinstance(kept, dict) else {}
