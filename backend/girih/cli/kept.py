"""One version of an agent as people read it: where it came from, and what its references were resolved to."""

from __future__ import annotations

from girih.cli.output import harmless
from girih.cli.reports import failed_lines, report_told, seal_lines
from girih.language.spec.tree import JsonObject

_SHORT = 12
_DIGEST = len("sha256:") + 12


def came_from(item: JsonObject) -> str:
    """The commit of a version, `+` where the folder held changes beside it; empty where nobody said."""
    return f"{item['commit'][:_SHORT]}{'+' if item['dirty'] else ''}" if item["commit"] else ""


def about(item: JsonObject) -> str:
    """What a version is about, in one line; empty where nobody said."""
    return " ".join((item["message"] or "").split())


def kept_text(name: str, item: JsonObject) -> str:
    """For a terminal: what is kept of a version, a line for each reference, and what those mean by now."""
    told = {
        "digest": item["digest"],
        "aliases": ", ".join(item["aliases"]),
        "published": f"{item['created_at'][:16].replace('T', ' ')} by {item['created_by']}",
        "commit": f"{item['commit']}{', with changes beside it' if item['dirty'] else ''}" if item["commit"] else "",
        "message": about(item),
        "from": item["path"],
        "tests": report_told(item),
    }
    lines = [f"{name}@{item['version']}", *(f"  {key:<10} {value}" for key, value in told.items() if value)]
    failed = [f"      {line}" for line in failed_lines(item["report"] or {"tests": []})]
    return harmless("\n".join([*lines, *failed, *seal_lines(item), *_lock(item["lock"])])) + "\n"


def _lock(lock: list[JsonObject] | None) -> list[str]:
    if lock is None:
        return ["  lock       not kept: it was published before locks were"]
    if not lock:
        return ["  lock       nothing: it refers to nothing outside of its file"]
    return ["  lock", *(_reference(one) for one in lock)]


def _reference(one: JsonObject) -> str:
    depth = "      " if one["through"] else "    "
    through = f"  (through {one['through']})" if one["through"] else ""
    return f"{depth}{one['uri']} = {_standing(one)}{through}{_drift(one)}"


def _standing(one: JsonObject) -> str:
    """A version and a digest, as far as there are any."""
    version = f"binding {one['version']}" if one.get("kind") == "model" and one["version"] else one["version"]
    return " ".join(filter(None, [version, (one["digest"] or "built in")[:_DIGEST]]))


def _drift(one: JsonObject) -> str:
    if not one["drifted"]:
        return ""
    if one["now"] is None:
        return "  ! gone"
    now = _standing({**one["now"], "kind": one["kind"]})
    return f"  (now {now})" if one["held"] else f"  ! now {now}"
