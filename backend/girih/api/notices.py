"""What callers are told of the version that their run began with: that it is deprecated or yanked."""

from __future__ import annotations

from girih.services.runs.schemas import RunOut


def notices(run: RunOut) -> dict[str, str]:
    """The headers: since when (`Deprecation`, RFC 9745), and in one sentence what is said of it."""
    if run.notice is None:
        return {}
    said = run.notice.about(f"{run.agent}@{run.version}")
    # A header holds a line of ASCII; whoever wants the reason letter by letter reads the run.
    line = " ".join(said.encode("ascii", "replace").decode().split())
    return {"deprecation": f"@{int(run.notice.at.timestamp())}", "girih-notice": line}
