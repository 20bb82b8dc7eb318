"""Folder, server, and what they had in common last: who changed what since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from girih.cli.applied import Here, Key, State, published
from girih.cli.client import Server, segment
from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.texts import digest_of_text
from girih.language.compiler.workspace import Workspace
from girih.language.spec.tree import JsonObject

What = Literal["same", "new there", "changed there", "changed here", "changed here and there", "differs", "only here"]


@dataclass(frozen=True)
class Compared:
    """One spec on both sides; `None` on the one that lacks it."""

    key: Key
    what: What
    here: Here | None
    there: JsonObject | None


def specs_of(texts: Mapping[str, str]) -> dict[Key, Here]:
    """The specs of a folder that can be read, by kind and name."""
    found = compile_workspace(Workspace(texts))
    paths = {("graph/v1", name): path for name, path in found.sources.items()}
    paths |= {(spec.kind, spec.name): spec.path for spec in found.others}
    return {key: Here.at(path, texts) for key, path in paths.items()}


def compare(here: Mapping[Key, Here], there: Mapping[Key, JsonObject], state: State) -> list[Compared]:
    """Every spec of either side, by kind and name. Those on the server have their texts."""
    keys = sorted({*here, *there})
    return [
        Compared(key, _what(key, here.get(key), there.get(key), state), here.get(key), there.get(key)) for key in keys
    ]


def drifted(server: Server, folder: Path) -> list[str]:
    """What is another thing on the server than when this folder was last applied or pulled, a sentence each."""
    found = published(server, texts=False)
    state = State.read(folder, found["project"])
    there = {(thing["kind"], thing["name"]): thing for thing in found["things"]}
    return [told for key in sorted(state.things) for told in _drift(server, key, there.get(key), state)]


def who(thing: JsonObject) -> str:
    """By whom and when a spec was published last."""
    return f"by {thing['by']} on {thing['at'][:16].replace('T', ' ')}" if thing["by"] else "by another way than apply"


def _drift(server: Server, key: Key, there: JsonObject | None, state: State) -> Iterable[str]:
    called, common = " ".join(key), state.things[key]
    if there is None:
        yield f"{called} is gone from the server"
        return
    if there["digest"] != common.digest:
        yield f"{called} was changed on the server {who(there)}"
    for alias in sorted({*common.aliases, *there["aliases"]} - {"latest"}):
        before, now = common.aliases.get(alias), there["aliases"].get(alias)
        if before != now:
            led = f"from {before or 'nowhere'} to {now or 'nowhere'}"
            yield f"{key[1]}@{alias} was led {led}{_by(server, key[1], alias)}"


def _by(server: Server, name: str, alias: str) -> str:
    moves = server.call("GET", f"/v1/agents/{segment(name)}/aliases/{segment(alias)}/moves")["items"]
    return f" by {moves[0]['by']} on {moves[0]['at'][:16].replace('T', ' ')}" if moves else ""


def _what(key: Key, here: Here | None, there: JsonObject | None, state: State) -> What:
    if here is None:
        return "new there"
    if there is None:
        return "only here"
    if _is_same(here, there):
        return "same"
    common = state.things.get(key)
    if common is None:
        return "differs"
    is_ours, is_theirs = here.digest != common.text, there["digest"] != common.digest
    if is_ours and is_theirs:
        return "changed here and there"
    return "changed here" if is_ours else "changed there"


def _is_same(here: Here, there: JsonObject) -> bool:
    if there["source"] is None:
        return False
    return here.digest == digest_of_text(there["source"], there["files"])
