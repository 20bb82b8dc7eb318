"""The functions and methods an expression may call: what they take and what they give."""

from __future__ import annotations

from dataclasses import dataclass

from girih.language.expressions.kinds import ANY, BOOLEAN, NUMBER, TEXT, WHOLE
from girih.language.spec.tree import JsonSchema

_TEXT = frozenset({"string"})
_SIZED = frozenset({"string", "array", "object"})
_WHOLE = frozenset({"integer"})
_NUMBERS = frozenset({"integer", "number"})
_BOOLEAN = frozenset({"boolean"})
_TIME = frozenset({"timestamp"})
_SPAN = frozenset({"duration"})

NO_JSON = frozenset({"bytes", "timestamp", "duration"})
"""Kinds of values that expressions may work with, but that are none of JSON."""


@dataclass(frozen=True)
class Signature:
    """`takes` holds, for each argument (a method's target first), the kinds it may be; `None` for any."""

    takes: tuple[frozenset[str] | None, ...]
    gives: JsonSchema
    optional: int = 0
    """How many arguments may be left out at the end."""


FUNCTIONS: dict[str, Signature] = {
    "size": Signature((_SIZED,), WHOLE),
    "int": Signature((_TEXT | _NUMBERS | _TIME,), WHOLE),
    "double": Signature((_TEXT | _NUMBERS,), NUMBER),
    "string": Signature((_TEXT | _NUMBERS | _BOOLEAN | _TIME | _SPAN,), TEXT),
    "bool": Signature((_TEXT | _BOOLEAN,), BOOLEAN),
    "dyn": Signature((None,), ANY),
    "matches": Signature((_TEXT, _TEXT), BOOLEAN),
    "timestamp": Signature((_TEXT | _TIME | {"integer"},), {"type": "timestamp"}),
    "duration": Signature((_TEXT | _SPAN,), {"type": "duration"}),
    "optional.none": Signature((), ANY),
    "optional.of": Signature((None,), ANY),
    "optional.ofNonZeroValue": Signature((None,), ANY),
}
"""Called as `size(x)`."""

METHODS: dict[str, Signature] = {
    "contains": Signature((_TEXT, _TEXT), BOOLEAN),
    "startsWith": Signature((_TEXT, _TEXT), BOOLEAN),
    "endsWith": Signature((_TEXT, _TEXT), BOOLEAN),
    "matches": Signature((_TEXT, _TEXT), BOOLEAN),
    "size": Signature((_SIZED,), WHOLE),
    "lowerAscii": Signature((_TEXT,), TEXT),
    "upperAscii": Signature((_TEXT,), TEXT),
    "trim": Signature((_TEXT,), TEXT),
    "charAt": Signature((_TEXT, _WHOLE), TEXT),
    "indexOf": Signature((_TEXT, _TEXT, _WHOLE), WHOLE, optional=1),
    "lastIndexOf": Signature((_TEXT, _TEXT, _WHOLE), WHOLE, optional=1),
    "substring": Signature((_TEXT, _WHOLE, _WHOLE), TEXT, optional=1),
    "split": Signature((_TEXT, _TEXT), {"type": "array", "items": TEXT}),
    "orValue": Signature((None, None), ANY),
    "or": Signature((None, None), ANY),
    "hasValue": Signature((None,), BOOLEAN),
    "value": Signature((None,), ANY),
    **{
        name: Signature((_TIME,), WHOLE)
        for name in ("getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear")
    },
    **{
        name: Signature((_TIME | _SPAN,), WHOLE)
        for name in ("getHours", "getMinutes", "getSeconds", "getMilliseconds")
    },
}  # fmt: skip
"""Called as `x.startsWith(y)`. Of the binding's functions for text those are left out that can multiply its length."""

MACROS = ("all", "exists", "exists_one", "filter", "map", "optMap", "optFlatMap")
"""Called as `list.all(item, condition)`; `has(x.field)` is not counted among them, for it costs nothing."""

OPERATORS: dict[str, str] = {
    "_+_": "+", "_-_": "-", "_*_": "*", "_/_": "/", "_%_": "%", "_<_": "<", "_<=_": "<=", "_>_": ">", "_>=_": ">=",
    "_==_": "==", "_!=_": "!=", "_&&_": "&&", "_||_": "||", "!_": "!", "-_": "-", "@in": "in", "_?_:_": "? :",
    "_[_]": "[…]", "_[?_]": "[?…]",
}  # fmt: skip
"""The parser's names of the operators → how they are written."""
