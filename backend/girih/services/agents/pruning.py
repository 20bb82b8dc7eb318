"""Deleting what a workspace no longer names, where it was told to, and nothing that somebody still refers to."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from girih.db.unit_of_work import Work
from girih.errors import Conflict
from girih.language.compiler.pipeline import Compilation
from girih.language.compiler.referring import KIND_OF, references_in
from girih.language.compiler.workspace import Workspace
from girih.language.spec.diagnostics import Diagnostic, Place
from girih.language.spec.reader import read
from girih.language.spec.source import Source
from girih.services.agents import pruning_repository as repository
from girih.services.agents.dependents import Dependents
from girih.services.agents.ports import Collections
from girih.services.agents.pruning_repository import Reaching
from girih.services.agents.refusals import REFUSED
from girih.services.agents.schemas import Change
from girih.services.agents.standing import held
from girih.services.pipelines import publishing as pipelines
from girih.services.registry.service import TABLES, RegistryService

_COLLECTION, _GRAPH = "collection/v1", "graph/v1"
_ORDER = (_GRAPH, _COLLECTION, pipelines.KIND, *TABLES)
"""In which order kinds go: what refers to others before them."""
_KEPT = (_GRAPH, pipelines.KIND)
"""Their versions stay: what runs already finds them by their digests."""
_DEEPEST = 16
_BEGUN = ("with which runs began that have not ended", "let them end, or cancel them, or keep its file")
_CALLED = ("which another graph calls", "publish the caller without it, or keep its file")

Gone: TypeAlias = Mapping[str, Mapping[str, str]]
"""Kind → name → digest of what the workspace does not name."""

Back: TypeAlias = frozenset[tuple[str, str]]
"""Kind and name of what was retired and is found again."""


class Fault(NamedTuple):
    """Why something stays: in words, what to do about it, and where that is written, if it is anywhere."""

    message: str
    help: str
    place: Place | None = None


class Pruning:
    """Retires agents and pipelines, whose versions stay for what began with them, and deletes the other kinds."""

    def __init__(self, registry: RegistryService, collections: Collections, dependents: Dependents) -> None:
        self._registry = registry
        self._collections = collections
        self._dependents = dependents

    async def prune(self, work: Work, compilation: Compilation, *, data: bool) -> list[Change]:
        """Delete what the project has and the workspace does not name; `data`: also collections with documents.

        Raises `Conflict`, with the places, for what something published, a run, a schedule or a data store refers to.
        """
        gone = await self._unnamed(work, compilation)
        if not any(gone.values()):
            return []
        faults = [
            *_named_here(compilation, gone),
            *await self._named_there(work, gone, {plan.digest for plan in compilation.plans.values()}),
            *await self._followed(work, gone),
            *([] if data else await self._full(work, gone)),
        ]
        if faults:
            raise _refusal(faults)
        await self._delete(work, gone)
        return [
            Change(kind=kind, name=name, action="delete", version=None, digest=gone[kind][name], path="")
            for kind in _ORDER
            for name in sorted(gone[kind])
        ]

    async def _unnamed(self, work: Work, compilation: Compilation) -> Gone:
        named = _named(compilation)
        found = await held(work, self._registry, self._collections)
        return {
            kind: {name: digest for name, digest in digests.items() if (kind, name) not in named}
            for kind, digests in found.items()
        }

    async def _named_there(self, work: Work, gone: Gone, here: Container[str]) -> list[Fault]:
        """What versions refer to that an alias leads to, or that a run began with; but for those that are `here`."""
        in_use = await self._dependents.versions_in_use(work)
        rows = await repository.reaching(work, work.speaks_for, in_use)
        led_to = [row for row in rows if row.aliases and not row.retired and row.name not in gone[_GRAPH]]
        begun = [row for row in rows if row.version_id in in_use]
        told = [row for row in led_to if row.digest not in here]
        found = [fault for row in told for fault in _of_version(row, gone, _by_aliases(row))]
        kept = {kind: {} if kind in _KEPT else names for kind, names in gone.items()}
        found += [fault for row in begun for fault in _of_version(row, kept, _BEGUN)]
        called = await _called(work, [*led_to, *begun])
        return found + [fault for row in called for fault in _of_version(row, kept, _CALLED)]

    async def _followed(self, work: Work, gone: Gone) -> list[Fault]:
        """What the clock starts, and what data stores fill."""
        started = await self._dependents.schedules(work, gone[_GRAPH]) if gone[_GRAPH] else ()
        filled = await self._dependents.data_stores(work, gone[_COLLECTION]) if gone[_COLLECTION] else {}
        return [
            Fault(
                f"graph `{one.ref.partition('@')[0]}` would be deleted, and the schedule `{one.name}` starts it",
                "delete the schedule first, or keep the graph",
            )
            for one in started
        ] + [
            Fault(
                f"collection `{name}` would be deleted, and the data store `{stores[0]}` fills it",
                "delete the data store first, or keep the collection",
            )
            for name, stores in filled.items()
        ]

    async def _full(self, work: Work, gone: Gone) -> list[Fault]:
        documents = await self._collections.collection_documents(work, gone[_COLLECTION])
        return [
            Fault(
                f"collection `{name}` would be deleted, and it holds {_counted(count)}",
                "keep its file, or delete the documents with it: --prune-data (`prune_data` over the API)",
            )
            for name, count in sorted(documents.items())
            if count
        ]

    async def _delete(self, work: Work, gone: Gone) -> None:
        await repository.retire(work, work.speaks_for, gone[_GRAPH].keys())
        await pipelines.retire(work, gone[pipelines.KIND].keys())
        await self._collections.remove_collections(work, sorted(gone[_COLLECTION]))
        for kind in TABLES:
            await self._registry.remove(work, kind, gone[kind].keys())


async def bring_back(work: Work, workspace: Workspace) -> Back:
    """Let what was retired and is named again be found, before anything is compiled; returns kind and name of each."""
    texts = workspace.files.values()
    graphs = [name for name in await repository.retired(work, work.speaks_for) if _is_said(name, texts)]
    others = [name for name in await pipelines.retired(work) if _is_said(name, texts)]
    await repository.bring_back(work, work.speaks_for, graphs)
    await pipelines.bring_back(work, others)
    return frozenset({(_GRAPH, name) for name in graphs} | {(pipelines.KIND, name) for name in others})


async def retire_again(work: Work, back: Back, compilation: Compilation) -> None:
    """Retire what only seemed to be named: a text had its name for something else."""
    named = _named(compilation)
    await repository.retire(work, work.speaks_for, [name for kind, name in back - named if kind == _GRAPH])
    await pipelines.retire(work, [name for kind, name in back - named if kind == pipelines.KIND])


def _is_said(name: str, texts: Iterable[str]) -> bool:
    said = re.compile(rf"""^[\s{{"']*name["']?\s*:\s*["']?{re.escape(name)}["']?\s*[,}}#]?""", re.MULTILINE)
    return any(said.search(text) for text in texts)


def _named(compilation: Compilation) -> frozenset[tuple[str, str]]:
    others = {(spec.kind, spec.name) for spec in compilation.others}
    return frozenset(others | {(_GRAPH, name) for name in compilation.plans})


def restored(changes: Iterable[Change], back: Back) -> None:
    """Let the changes say what was retired and is found again."""
    for change in changes:
        if (change.kind, change.name) in back:
            change.action = "restore"


async def _called(work: Work, rows: Sequence[Reaching]) -> list[Reaching]:
    """The versions inside of these ones, and those inside of them."""
    found: list[Reaching] = []
    known = {row.digest for row in rows}
    for _ in range(_DEEPEST):
        wanted = {entry["digest"] for row in rows for entry in row.lock if entry["scheme"] == "graph"} - known
        if not wanted:
            break
        rows = await repository.of_digests(work, work.speaks_for, wanted)
        known |= wanted
        found += rows
    return found


def _named_here(compilation: Compilation, gone: Gone) -> Iterator[Fault]:
    for file, tree in compilation.trees.items():
        for one in references_in(tree):
            if one.name in gone[one.kind]:
                noun = one.kind.partition("/")[0]
                message = f"{noun} `{one.name}` would be deleted, and {file} refers to it"
                yield Fault(message, f"keep the file of the {noun}, or take the reference out", tree.at(one.path))


def _of_version(row: Reaching, gone: Gone, why: tuple[str, str]) -> Iterator[Fault]:
    reason, help_ = why
    for entry in row.lock:
        kind, name = KIND_OF[entry["scheme"]], entry["name"]
        if name in gone[kind]:
            noun = kind.partition("/")[0]
            message = f"{noun} `{name}` would be deleted, and {row.name}@{row.version} refers to it, {reason}"
            yield Fault(message, help_, _written(row, kind, name))


def _by_aliases(row: Reaching) -> tuple[str, str]:
    led = " and ".join(f"`{alias}`" for alias in row.aliases)
    verb = "leads" if len(row.aliases) == 1 else "lead"
    return f"which {led} {verb} to", "lead the alias to a version without it, or keep its file"


def _written(row: Reaching, kind: str, name: str) -> Place:
    """Where in the text that was published the version refers to that."""
    tree, _ = read(Source(row.path, row.source))
    found = (tree.at(one.path) for one in references_in(tree) if (one.kind, one.name) == (kind, name)) if tree else ()
    return next(iter(found), Place(row.path, 1, 1))


def _refusal(faults: Sequence[Fault]) -> Conflict:
    first, more = faults[0], len(faults) - 1
    others = "" if not more else " (and 1 more)" if more == 1 else f" (and {more} more)"
    found = [Diagnostic(REFUSED, fault.message, fault.place, fault.help) for fault in faults if fault.place is not None]
    reasons = [fault.message for fault in faults]
    more_details = {"diagnostics": [one.as_dict() for one in found]} if found else {}
    return Conflict(f"{first.message}{others}; nothing was published", help=first.help, reasons=reasons, **more_details)


def _counted(documents: int) -> str:
    return "1 document" if documents == 1 else f"{documents} documents"
