"""Taking in a bundle: all of it or nothing, after everything in it was checked, without a network."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Conflict, InvalidInput
from girih.language.bundles.manifest import Bundle, BundledDocument, BundledVersion, read
from girih.language.compiler.pipeline import Compilation
from girih.language.compiler.plan import Plan
from girih.language.nodes.registry import kinds
from girih.language.spec.semantic import is_version, numbers_of
from girih.providers.signing.checking import Checked, check, uncovered
from girih.providers.signing.keys import KeyRing
from girih.services.agents import (
    alias_repository,
    bundle_repository,
    key_repository,
    pruning_repository,
    repository,
)
from girih.services.agents.bound_secrets import require_bound_secrets
from girih.services.agents.gate_schemas import ImportedOut, ImportOut
from girih.services.agents.import_course import ANOTHER, Course, noun
from girih.services.agents.importing_documents import Documents
from girih.services.agents.plugins import require_plugins
from girih.services.agents.ports import Collections, Facilities
from girih.services.agents.publish import require_facilities
from girih.services.agents.received import columns_of, require_path
from girih.services.agents.references import LATEST
from girih.services.agents.signing import Signing
from girih.services.agents.tables import Agent, AgentVersion
from girih.services.audit.service import record
from girih.services.registry.service import RegistryService

_GRAPH: Final = "graph/v1"
_PIPELINE: Final = "pipeline/v1"


@dataclass(frozen=True)
class Trust:
    """Whom an import believes: keys beside those that are trusted here anyway, or anybody."""

    keys: KeyRing = field(default_factory=KeyRing)
    allow_unsigned: bool = False


class Importing:
    """Checks bundles and makes what is in them: versions under their own numbers, and the documents they need."""

    def __init__(
        self,
        uow: UnitOfWork,
        registry: RegistryService,
        collections: Collections,
        facilities: Facilities,
        signing: Signing,
    ) -> None:
        self._uow = uow
        self._documents = Documents(registry, collections)
        self._facilities = facilities
        self._signing = signing

    async def take(self, scope: OrgScope, data: bytes, trust: Trust, *, dry_run: bool = False) -> ImportOut:
        """Make everything in the bundle in one transaction; no alias is moved but `latest`.

        A version that is here by its digest stays as it is. Raises `InvalidInput` for what was tampered with, cannot
        run, or is signed by nobody who is trusted; `Conflict` for numbers and names that mean something else here.
        """
        bundle = await asyncio.to_thread(read, data)
        _require_known(bundle)
        async with self._uow(scope) as work:
            ring = await self._signing.ring(work)
        checked = await asyncio.to_thread(check, bundle, ring | trust.keys)
        _require_trusted(bundle, checked, allow_unsigned=trust.allow_unsigned)
        plans = {version.ref: Plan.model_validate(version.plan) for version in bundle.versions}
        await require_facilities(self._facilities, Compilation((), plans))
        await require_plugins(self._facilities, (one.spec.document for one in bundle.documents))
        async with self._uow(scope) as work:
            await repository.lock_project(work, scope)
            await require_bound_secrets(work, [one.spec.document for one in bundle.documents])
            course = Course(work, bundle, {one.ref: one for one in checked})
            await self._documents.take(course)
            for version in bundle.versions:
                await self._version(course, version)
            if course.conflicts:
                raise _refusal(course.conflicts)
            await _keep_keys(work, checked, ring | trust.keys)
            await _note(course)
            if dry_run:
                work.discard()
        return ImportOut(root=bundle.manifest.root, items=course.done)

    async def _version(self, course: Course, version: BundledVersion) -> None:
        work, said = course.work, version.entry.statement
        agent = await bundle_repository.agent(work, work.speaks_for, said.name)
        rows = await bundle_repository.known(work, agent) if agent is not None else []
        same = next((row for row in rows if row.digest == said.digest and not row.is_collected), None)
        if same is not None:
            course.done.append(ImportedOut(kind=_GRAPH, name=said.name, version=same.version, action="unchanged"))
        elif (taken := next((row for row in rows if row.version == said.version), None)) is not None:
            why = "was removed here, and its number stays taken" if taken.is_collected else ANOTHER
            course.conflicts.append(f"`{said.name}` {said.version} {why}")
            return
        elif course.conflicts:
            return
        else:
            await self._add(course, version, agent, rows)
        if agent is not None and agent.retired_at is not None:
            await pruning_repository.bring_back(work, work.speaks_for, [said.name])

    async def _add(
        self, course: Course, version: BundledVersion, agent: Agent | None, rows: Sequence[bundle_repository.Known]
    ) -> None:
        work, scope, said = course.work, course.work.speaks_for, version.entry.statement
        found = course.checked[version.ref]
        row = AgentVersion(
            id=new_id(),
            org_id=scope.org_id,
            project_id=scope.project_id,
            agent_id=agent.id if agent is not None else await repository.add_agent(work, scope, said.name),
            number=rows[0].number + 1 if rows else 1,
            imported={
                "by": scope.actor,
                "at": datetime.now(UTC).isoformat(),
                "signer": found.kid if found.standing == "signed" else None,
            },
            **columns_of(version),
        )
        await repository.add_versions(work, [row])
        if all(numbers_of(row.version) > numbers_of(other.version) for other in rows):
            await alias_repository.point(work, scope, row.agent_id, LATEST, row.id)
        course.done.append(ImportedOut(kind=_GRAPH, name=said.name, version=said.version, action="create"))


def _require_known(bundle: Bundle) -> None:
    """Everything in it has a shape that this version of girih knows; raises `InvalidInput`."""
    known = kinds()
    for document in bundle.documents:
        require_path(document.entry.path, document.source)
        _require_number(bundle, document)
    for version in bundle.versions:
        columns_of(version)
        unknown = sorted({node["verb"] for node in version.plan["nodes"]} - known.keys())
        if unknown:
            raise InvalidInput(
                f"{version.ref} has a node of the kind `{unknown[0][:40]}`, which this version of girih does not know",
                help="update girih",
            )


def _require_number(bundle: Bundle, document: BundledDocument) -> None:
    """A pipeline's number is the one that it has in the locks, which are signed; no other document has one."""
    entry = document.entry
    locks = [one for version in bundle.versions for one in version.entry.statement.lock or ()]
    told = {one.get("version") for one in locks if one.get("kind") == "pipeline" and one.get("digest") == entry.digest}
    is_odd = entry.version is None or not is_version(entry.version) or (told and entry.version not in told)
    if is_odd if entry.kind == _PIPELINE else entry.version is not None:
        raise InvalidInput(
            f"the {noun(entry.kind)} {entry.name} has a number that no version was published with",
            help="ask for the bundle again where it was exported",
        )


def _require_trusted(bundle: Bundle, checked: list[Checked], *, allow_unsigned: bool) -> None:
    """Raises `InvalidInput` for a signature that does not hold, and for what nobody who is trusted has signed."""
    forged = next((one for one in checked if one.standing == "forged"), None)
    if forged is not None:
        raise InvalidInput(f"{forged.message}; nothing was imported", help="ask for it again where it was exported")
    if allow_unsigned:
        return
    doubted = next((one for one in checked if one.standing != "signed"), None)
    if doubted is not None:
        raise InvalidInput(
            f"{doubted.message}; nothing was imported",
            help="trust its key (--trust FILE, GIRIH_TRUSTED_KEYS), or take it as it is with --allow-unsigned",
        )
    loose = next(uncovered(bundle, checked), None)
    if loose is not None:
        raise InvalidInput(
            f"the {noun(loose.kind)} {loose.name} is in the bundle, and no signature is about it; nothing was imported",
            help="ask for it again where it was exported, or take it as it is with --allow-unsigned",
        )


async def _note(course: Course) -> None:
    """Write down who took in what, and who had signed it."""
    signers = sorted({one.kid for one in course.checked.values() if one.standing == "signed" and one.kid})
    made = [f"{one.kind.partition('/')[0]}:{one.name}" for one in course.done if one.action == "create"]
    root = f"agent:{course.bundle.manifest.root}"
    await record(course.work, "bundle.imported", root, created=made, signers=signers)


async def _keep_keys(work: Work, checked: list[Checked], ring: KeyRing) -> None:
    """The keys whose signatures held stay readable here, so that the versions can be checked later."""
    for kid in sorted({one.kid for one in checked if one.standing == "signed" and one.kid is not None}):
        key = ring.get(kid)
        if key is not None:
            await key_repository.keep(work, key, "imported")


def _refusal(conflicts: Sequence[str]) -> Conflict:
    return Conflict(
        f"the bundle cannot be imported: {conflicts[0]}"
        + (f", and {len(conflicts) - 1} more" if len(conflicts) > 1 else "")
        + "; nothing was imported",
        help="import it into a project of its own, or publish what is here under other names",
        conflicts=list(conflicts),
    )
