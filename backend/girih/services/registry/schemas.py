"""What publishing does to one thing, and what stands in the registry."""

from __future__ import annotations

from typing import Literal

Action = Literal["create", "update", "unchanged"]
"""What publishing a spec does to the thing of its name."""
