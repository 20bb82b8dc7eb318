"""How the clients of the LangGraph server protocol read what went wrong: `detail` is the sentence they show."""

from __future__ import annotations

from girih.language.spec.tree import JsonObject

_KEPT = ("code", "help", "error_id", "errors", "diagnostics")


def shape(status: int, problem: JsonObject) -> tuple[int, JsonObject]:
    """The problem as `{"detail": …}`, with the way out in the same sentence: their clients show nothing else."""
    detail = str(problem.get("detail", ""))
    helpful = problem.get("help")
    said = f"{detail}; {helpful}" if helpful else detail
    return status, {"detail": said} | {name: problem[name] for name in _KEPT if name in problem}
