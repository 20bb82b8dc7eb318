"""The codes of warnings: what may be ignored with a comment."""

from __future__ import annotations

INEFFECTIVE = "W005"
"""A comment that ignores nothing; it cannot be ignored itself."""

WARNINGS = frozenset({"W003", "W204", "W601", "W602", "W603", "W604", "W605", "W606", "W607"})
"""Every warning that a comment can ignore. Errors cannot be ignored: what has one cannot run."""
