"""How a workspace is applied, and where a test may end the process meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from girih.db.crash import CrashPoints as AnyCrashPoints
from girih.services.registry.schemas import UNTOLD, Origin

Point = Literal[
    "apply.held", "apply.proven", "apply.documents", "apply.graphs", "apply.pruned", "apply.told", "apply.committed"
]
CrashPoints: TypeAlias = AnyCrashPoints[Point]


@dataclass(frozen=True)
class Terms:
    """`base` is what the project stood at when the apply was decided on.

    `prune` deletes what the workspace does not name, `prune_data` also collections with documents. `force_tests`
    publishes although tests fail. `origin` is kept with every version that this makes.
    """

    dry_run: bool = False
    base: str | None = None
    prune: bool = False
    prune_data: bool = False
    force_tests: bool = False
    origin: Origin = UNTOLD
