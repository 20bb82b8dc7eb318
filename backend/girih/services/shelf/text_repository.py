"""Keeping the texts that specs are applied with, for whoever wants them back as files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from sqlalchemy import Text, cast, delete, func, or_, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.language.compiler.pipeline import Compilation
from girih.language.compiler.texts import named_files
from girih.services.shelf.tables import SpecText

GRAPH = "graph/v1"
REPLACED = ("model/v1", "tool/v1", "collection/v1")
"""The kinds without versions: what was before is nowhere any more, and so is its text."""

Key: TypeAlias = tuple[str, str, str]
"""Kind, name and digest."""


async def keep(work: Work, compilation: Compilation, files: Mapping[str, str]) -> None:
    """Keep the texts of all specs of a workspace, inside a transaction of the caller.

    A text that says the same in other words takes the place of the one before; the same text changes nothing.
    """
    scope = work.speaks_for
    beside = {path: text for path, text in files.items() if path not in compilation.trees}
    rows = [_row(scope, *spec, files, beside) for spec in _specs(compilation)]
    if not rows:
        return
    statement = insert(SpecText).values(rows)
    new = statement.excluded
    changed = {"path": new.path, "source": new.source, "files": new.files, "actor": new.actor}
    differs = or_(
        SpecText.path != new.path, SpecText.source != new.source, cast(SpecText.files, Text) != cast(new.files, Text)
    )
    await work.session.execute(
        statement.on_conflict_do_update(
            index_elements=["org_id", "project_id", "kind", "name", "digest"],
            set_=changed | {"updated_at": func.now()},
            where=differs,
        )
    )
    mine = (SpecText.org_id == scope.org_id, SpecText.project_id == scope.project_id, SpecText.kind.in_(REPLACED))
    here = tuple_(SpecText.kind, SpecText.name).in_([(row["kind"], row["name"]) for row in rows])
    now = tuple_(SpecText.kind, SpecText.name, SpecText.digest)
    await work.session.execute(
        delete(SpecText).where(*mine, here, now.not_in([(row["kind"], row["name"], row["digest"]) for row in rows]))
    )


async def known(work: Work, scope: OrgScope, keys: Iterable[Key]) -> dict[Key, SpecText]:
    """The texts that are known of these specs."""
    mine = (SpecText.org_id == scope.org_id, SpecText.project_id == scope.project_id)
    wanted = tuple_(SpecText.kind, SpecText.name, SpecText.digest).in_(list(keys))
    rows = await work.session.scalars(select(SpecText).where(*mine, wanted))
    return {(row.kind, row.name, row.digest): row for row in rows}


def _specs(compilation: Compilation) -> Iterable[tuple[str, str, str, str]]:
    for name, plan in compilation.plans.items():
        yield GRAPH, name, plan.digest, compilation.sources[name]
    for spec in compilation.others:
        yield spec.kind, spec.name, spec.digest, spec.path


def _row(
    scope: OrgScope,
    kind: str,
    name: str,
    digest: str,
    path: str,
    files: Mapping[str, str],
    beside: Mapping[str, str],
) -> dict[str, object]:
    return {
        "id": new_id(),
        "org_id": scope.org_id,
        "project_id": scope.project_id,
        "kind": kind,
        "name": name,
        "digest": digest,
        "path": path,
        "source": files[path],
        "files": named_files(files[path], beside),
        "actor": scope.actor,
    }
