"""The members of values in prompt files: those of data, those of `loop`, and those the engine adds by itself."""

from __future__ import annotations

from girih.language.expressions import fields
from girih.language.expressions.composed import alternatives
from girih.language.expressions.kinds import ANY, BOOLEAN, WHOLE, field, is_kind, item_at, items, kinds
from girih.language.expressions.names import Finding
from girih.language.expressions.template_tree import Member, spoken
from girih.language.spec.tree import JsonSchema

_METHODS = {"object": frozenset(dir(dict)), "array": frozenset(dir(list))}
"""Members that the engine finds at a mapping or a list although the data has none: `hit.items()`."""

_COUNTS = ("index", "index0", "revindex", "revindex0", "length", "depth", "depth0")
_FLAGS = ("first", "last")
_OTHERS = ("previtem", "nextitem", "cycle", "changed")
LOOP: JsonSchema = {
    "type": "object",
    "properties": {
        **dict.fromkeys(_COUNTS, WHOLE),
        **dict.fromkeys(_FLAGS, BOOLEAN),
        **dict.fromkeys(_OTHERS, ANY),
    },
    "required": [*_COUNTS, *_FLAGS, *_OTHERS],
    "additionalProperties": False,
}
"""The type of `loop` in a `{% for %}`."""


def is_beyond(parent: JsonSchema, key: str) -> bool:
    """Whether the engine may know a member that the type does not tell of."""
    found = kinds(parent)
    return found is None or any(key in _METHODS.get(kind, ()) for kind in found)


def member_type(parent: JsonSchema, key: str | int) -> JsonSchema:
    """The type of a member; `any` for one that may not be there."""
    if isinstance(key, int):
        # A position from the end (`[-1]`) may be any item.
        found = (item_at(parent, key) if key >= 0 else items(parent)) if is_kind(parent, "array") else None
        return ANY if found is None else found
    known = kinds(parent)
    member = field(parent, key) if known is None or "object" in known else None
    return member.schema if member else ANY


def member_faults(expr: Member, key: str, parent: JsonSchema) -> list[Finding]:
    """What is wrong with reading a member of a value of the type `parent`."""
    findings: list[Finding] = []
    if is_beyond(parent, key):
        return findings
    owner, name = spoken(expr.operand), spoken(expr) or key
    hint = f"go over its items: {{% for item in {owner or '…'} %}}"
    found = fields.look_up_of(parent, owner, key, (expr.name_at, len(key)), findings, hint)
    if found is not None and not found.always and not alternatives(parent):
        message = f"'{name}' may be unset: it is an optional field"
        way_out = f"write {name} | default('…'), or ask {{% if {name} is defined %}}"
        findings.append(Finding("E203", message, expr.at, expr.end - expr.at, way_out))
    return findings
