"""What publishing does to one thing, and what stands in the registry."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Action = Literal["create", "update", "unchanged", "restore", "delete"]
"""What publishing does to the thing of a name.

`restore`: it was retired, and is found again. `delete`: the workspace does not name it, and was told to prune.
"""


class Origin(BaseModel):
    """Where a version came from, as whoever published it says: the commit of their folder, and what it is about."""

    model_config = ConfigDict(frozen=True)

    commit: str | None = None
    dirty: bool | None = None
    """Whether the folder held changes beside the commit."""
    message: str | None = None

    @property
    def columns(self) -> dict[str, Any]:
        """As versions keep it."""
        return self.model_dump(include={"commit", "dirty", "message"})


UNTOLD = Origin()
"""Nothing is said of it."""
