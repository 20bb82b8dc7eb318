"""Finding the version that a reference means, and saying what there is where it means none."""

from __future__ import annotations

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.errors import NotFound
from girih.language.spec.suggest import hint
from girih.services.agents import listing, repository
from girih.services.agents.references import Reference, is_name
from girih.services.agents.repository import Resolved
from girih.services.shelf import mark_repository as marks


async def find(work: Work, scope: OrgScope, reference: Reference) -> Resolved:
    """The version that the reference means. Raises `NotFound`, with what there is."""
    without = await marks.yanked(work, scope) if reference.by == "range" else ()
    found = await repository.resolve(work, scope, reference, without)
    if found is not None:
        return found
    versions = await listing.versions(work, scope, reference.name)
    if not versions:
        raise await unknown(work, scope, reference.name)
    gone = next((one for one in versions if one.collected_at and reference.value in (one.version, one.digest)), None)
    if gone is not None:
        raise NotFound(
            f"{reference.name}@{gone.version} was collected on {gone.collected_at:%Y-%m-%d}: nothing referred to it",
            help="publish its text again; it becomes a new version",
        )
    spoken = [version.version for version in versions] + [alias for version in versions for alias in version.aliases]
    raise NotFound(
        f"the agent `{reference.name}` has no {reference.by} `{reference.value}`", help=hint(reference.value, spoken)
    )


def check_name(name: str) -> None:
    """Raises `NotFound` for what no agent can be called."""
    if not is_name(name):
        raise NotFound("no agent has such a name", help="agents are named in lower-case words joined by `-` or `.`")


async def unknown(work: Work, scope: OrgScope, name: str) -> NotFound:
    """An agent that is not there, or not the caller's, and what is there."""
    published = await repository.names(work, scope)
    return NotFound(f"no agent `{name}` is published", help=hint(name, published, otherwise="published"))
