"""A plan: what an apply would change, what that was decided on, and the forms in which it is read."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from girih.cli.differences import difference_of, difference_text
from girih.cli.effects import breaking_callers, effect_lines
from girih.cli.output import harmless
from girih.errors import InvalidInput
from girih.language.comparing.shown import headline, markdown
from girih.language.spec.canonical import digest_of
from girih.language.spec.tree import JsonObject

_FORMAT = 2
_SIGNS = {"create": "+", "restore": "+", "update": "~", "delete": "-", "unchanged": " "}
_DONE = {"create": "create", "restore": "bring back", "update": "update", "delete": "delete"}


@dataclass(frozen=True)
class Planned:
    """The changes as the server told them, the base they were told on, and the digest of the texts they are for.

    `prune` and `prune_data` say whether what the folder does not name goes.
    """

    base: str
    texts: str
    changes: list[JsonObject]
    prune: bool = False
    prune_data: bool = False

    @classmethod
    def of(
        cls, outcome: JsonObject, texts: Mapping[str, str], *, prune: bool = False, prune_data: bool = False
    ) -> Planned:
        """From what a dry run said."""
        return cls(outcome["base"], digest_of(dict(texts)), outcome["changes"], prune, prune_data)

    @classmethod
    def read(cls, path: Path) -> Planned:
        """A plan that was kept. Raises `InvalidInput` for what is none."""
        try:
            found = json.loads(path.read_text("utf-8"))
            if found["girih_plan"] != _FORMAT:
                raise ValueError
            kept = found["base"], found["texts"], found["changes"]
            return cls(*kept, prune=found["prune"] is True, prune_data=found["prune_data"] is True)
        except (OSError, ValueError, KeyError, TypeError):
            raise InvalidInput(
                f"'{path}' is not a plan of this version of girih", help="make one: girih plan DIR --out FILE"
            ) from None

    def as_text(self) -> str:
        """The plan as it is kept."""
        kept = {"girih_plan": _FORMAT, "base": self.base, "texts": self.texts}
        kept |= {"prune": self.prune, "prune_data": self.prune_data, "changes": self.changes}
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
        counts = Counter(change["action"] for change in self.changes)
        breaking = sum(bool((change["difference"] or {}).get("breaking")) for change in self.changes)
        told = f"{counts['create']} to create, {counts['update']} to update"
        told += f", {counts['restore']} to bring back" if counts["restore"] else ""
        told += f", {counts['delete']} to delete" if counts["delete"] else ""
        told += f", {counts['unchanged']} unchanged"
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
        f"| {_DONE[change['action']]} | {change['kind'].partition('/')[0]} `{change['name']}` | {_versions(change)} |"
        for change in plan.changed
    ]
    return "\n".join([*head, *rows]) + "\n" + "".join(_folded(change) for change in plan.changed)


def _folded(change: JsonObject) -> str:
    effects = "".join(f"- {_escaped(line)}\n" for line in effect_lines(change))
    if not change["difference"] and not effects:
        return ""
    said = "effects"
    if change["difference"]:
        found = difference_of(change["difference"])
        said, effects = headline(found), markdown(found) + (f"\n{effects}" if effects else "")
    summary = f"<code>{change['name']}</code>: {said}"
    return f"\n<details><summary>{summary}</summary>\n\n{effects}\n</details>\n"


def _escaped(line: str) -> str:
    """The line without what Markdown and HTML would make something of."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", harmless(line))


def plan_annotations(plan: Planned) -> str:
    """Workflow commands: a notice at the file of each spec that would change, a warning where callers would break."""
    return "".join(_annotation(change) for change in plan.changed)


def _annotation(change: JsonObject) -> str:
    if change["action"] == "unchanged":
        return ""
    breaking = (change["difference"] or {}).get("breaking") or []
    level = "warning" if breaking or breaking_callers(change) or change["action"] == "delete" else "notice"
    message = "; ".join([_title(change), *breaking, *effect_lines(change)]).replace("%", "%25").replace("\n", "%0A")
    place = f" file={change['path']}" if change["path"] else ""
    return f"::{level}{place}::{harmless(message)}\n"


def _title(change: JsonObject) -> str:
    verdict = (change["difference"] or {}).get("verdict")
    weight = f"  ({verdict})" if verdict else ""
    done, noun = _DONE.get(change["action"], change["action"]), change["kind"].partition("/")[0]
    return f"{done} {noun} {change['name']}  {_versions(change)}{weight}".rstrip()


def _versions(change: JsonObject) -> str:
    if change["previous"]:
        return f"{change['previous']} → {change['version']}"
    return change["version"] or ""


def _details(change: JsonObject) -> str:
    said = difference_text(difference_of(change["difference"]), indent="    ") if change["difference"] else ""
    return said + "".join(f"    {harmless(line)}\n" for line in effect_lines(change))
