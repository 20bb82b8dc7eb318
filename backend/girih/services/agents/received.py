"""A version as a bundle brings it, as the columns it is kept in; checked, since later readers take them as they are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from girih.errors import GirihError, InvalidInput
from girih.language.bundles.manifest import BundledVersion
from girih.language.spec.semantic import is_version
from girih.services.agents.files import to_workspace
from girih.services.agents.references import is_name
from girih.services.agents.schemas import Locked
from girih.services.agents.trial_reports import report_from

_LONGEST = 1_000


def columns_of(version: BundledVersion) -> dict[str, Any]:
    """The columns of a version but for whose it is and how it is counted. Raises `InvalidInput`."""
    said = version.entry.statement
    if not is_name(said.name) or not is_version(said.version):
        raise _odd("a version has a name or a number that no version has")
    require_path(said.path, version.source)
    try:
        lock = [Locked.model_validate(one) for one in said.lock] if said.lock is not None else None
        report_from(version.report)
        made = datetime.fromisoformat(said.created_at)
    except (ValidationError, ValueError):
        raise _odd(f"what is said of {version.ref} cannot be read") from None
    if made.tzinfo is None or made.astimezone(UTC).isoformat() != said.created_at:
        raise _odd(f"the time of {version.ref} is not written as girih writes times")
    if max(len(text or "") for text in (said.created_by, said.commit, said.message)) > _LONGEST:
        raise _odd(f"what is said of {version.ref} is too long")
    return {
        "version": said.version,
        "digest": said.digest,
        "plan": version.plan,
        "path": said.path,
        "source": version.source,
        "lock": said.lock if lock is not None else None,
        "commit": said.commit,
        "dirty": said.dirty,
        "message": said.message,
        "created_by": said.created_by,
        "created_at": made,
        "report": version.report,
        "forced": said.forced,
        "signature": version.entry.signature.model_dump() if version.entry.signature is not None else None,
    }


def require_path(path: str, source: str) -> None:
    """A path that stays in a workspace, and a text. Raises `InvalidInput`: somebody may write it to a folder later."""
    try:
        to_workspace({path: source})
    except GirihError:
        raise _odd("a spec in it has a path or a text that no workspace has") from None


def _odd(why: str) -> InvalidInput:
    return InvalidInput(f"the bundle cannot be imported: {why}", help="export it again with this version of girih")
