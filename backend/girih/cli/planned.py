"""A plan: what an apply would change, what that was decided on, and the forms in which it is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from girih.cli.differences import difference_of, difference_text
from girih.cli.output import harmless
from girih.errors import InvalidInput
from girih.language.comparing.shown import headline, markdown
from girih.language.spec.canonical import digest_of
from girih.language.spec.tree import JsonObject

_FORMAT = 1
_SIGNS = {"create": "+", "update": "~", "unchanged": " "}


@dataclass(frozen=True)
class Planned:
    """The changes as the server told them, the base they were told on, and the digest of the texts they are for."""

    base: str
    texts: str
    changes: list[JsonObject]

    @classmethod
    def of(cls, outcome: JsonObject, texts: Mapping[str, str]) -> Planned:
        """From what a dry run said."""
        return cls(outcome["base"], digest_of(dict(texts)), outcome["changes"])

    @classmethod
    def read(cls, path: Path) -> Planned:
        """A plan that was kept. Raises `InvalidInput` for what is none."""
        try:
            found = json.loads(path.read_text("utf-8"))
            if found["girih_plan"] != _FORMAT:
                raise ValueError
            return cls(found["base"], found["texts"], found["changes"])
        except (OSError, ValueError, KeyError, TypeError):
            raise InvalidInput(
                f"'{path}' is not a plan of this version of girih", help="make one: girih plan DIR --out FILE"
            ) from None

    def as_text(self) -> str:
        """The plan as it is kept."""
        kept = {"girih_plan": _FORMAT, "base": self.base, "texts": self.texts, "changes": self.changes}
        return json.dumps(kept, indent=2, ensure_ascii=False) + "\n"

    def require(self, texts: Mapping[str, str]) -> None:
        """Raises `InvalidInput` where the texts are others than those that were planned."""
        if digest_of(dict(texts)) != self.texts:
            raise InvalidInput(
                "the folder holds other texts than the plan is for; nothing was published",
                help="make a new plan, and look at what changes now",
            )

    @property
    def changed(self) -> list[JsonObject]:
        """The specs that would not stay as they are."""
        return [change for change in self.changes if change["action"] != "unchanged"]

    def summary(self) -> str:
        """In one line."""
        made = sum(change["action"] == "create" for change in self.changes)
        breaking = sum(bool((change["difference"] or {}).get("breaking")) for change in self.changes)
        told = (
            f"{made} to create, {len(self.changed) - made} to update, {len(self.changes) - len(self.changed)} unchanged"
        )
        return f"{told}; {breaking} would break callers" if breaking else told


def plan_text(plan: Planned) -> str:
    """For a terminal: a line for each spec, and below a graph what it would do differently."""
    return "".join(f"{_SIGNS[change['action']]} {_title(change)}\n" + _details(change) for change in plan.changes)


def plan_markdown(plan: Planned) -> str:
    """For a comment under a change."""
    if not plan.changed:
        return "### girih plan\n\nNothing would change.\n"
    head = ["### girih plan", "", f"{plan.summary()}.", "", "| | what | version |", "|---|---|---|"]
    rows = [
        f"| {change['action']} | {change['kind'].partition('/')[0]} `{change['name']}` | {_versions(change)} |"
        for change in plan.changed
    ]
    return "\n".join([*head, *rows]) + "\n" + "".join(_folded(change) for change in plan.changed)


def _folded(change: JsonObject) -> str:
    if not change["difference"]:
        return ""
    found = difference_of(change["difference"])
    summary = f"<code>{change['name']}</code>: {headline(found)}"
    return f"\n<details><summary>{summary}</summary>\n\n{markdown(found)}\n</details>\n"


def plan_annotations(plan: Planned) -> str:
    """Workflow commands: a notice at the file of each spec that would change, a warning where callers would break."""
    return "".join(_annotation(change) for change in plan.changed)


def _annotation(change: JsonObject) -> str:
    breaking = (change["difference"] or {}).get("breaking") or []
    level = "warning" if breaking else "notice"
    message = "; ".join([_title(change), *breaking]).replace("%", "%25").replace("\n", "%0A")
    return f"::{level} file={change['path']}::{harmless(message)}\n"


def _title(change: JsonObject) -> str:
    verdict = (change["difference"] or {}).get("verdict")
    weight = f"  ({verdict})" if verdict else ""
    return (
        f"{change['action']} {change['kind'].partition('/')[0]} {change['name']}  {_versions(change)}{weight}".rstrip()
    )


def _versions(change: JsonObject) -> str:
    if change["previous"]:
        return f"{change['previous']} → {change['version']}"
    return change["version"] or ""


def _details(change: JsonObject) -> str:
    return difference_text(difference_of(change["difference"]), indent="    ") if change["difference"] else ""
