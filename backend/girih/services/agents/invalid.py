"""A workspace with errors, as it is refused."""

from __future__ import annotations

from girih.errors import SpecInvalid
from girih.language.compiler.pipeline import Compilation


def findings(compilation: Compilation) -> list[dict[str, object]]:
    """All that the compiler found, as JSON."""
    return [diagnostic.as_dict() for diagnostic in compilation.diagnostics]


def invalid(compilation: Compilation, consequence: str) -> SpecInvalid:
    """The refusal, with all findings; `consequence` is what did not happen."""
    errors = sum(diagnostic.severity == "error" for diagnostic in compilation.diagnostics)
    faults = "1 error" if errors == 1 else f"{errors} errors"
    return SpecInvalid(f"the workspace has {faults}; {consequence}", findings(compilation))
