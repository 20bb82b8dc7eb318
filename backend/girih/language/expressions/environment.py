"""The CEL environments: the standard library and optionals, with arithmetic between all the numbers of JSON."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_optional, ext_strings

SLOTS = 32
"""How many names `CHECKING` knows."""


def _environment(variables: dict[str, Any]) -> Any:
    return cel.NewEnv(
        config=_CONFIG,
        variables=variables,
        extensions=[ext_optional.ExtOptional(), ext_strings.ExtStrings()],
        functions=_ARITHMETIC,
    )


def _divided(left: float, right: float) -> float:
    if right == 0:
        raise ValueError("divide by zero")
    return left / right


def _mixed(function: str, overload: str, work: Callable[[Any, Any], Any]) -> Any:
    """Arithmetic between whole and other numbers, which JSON does not tell apart and CEL does not know."""
    whole, other, text = cel.Type.INT, cel.Type.DOUBLE, cel.Type.STRING
    time, span = cel.Type.TIMESTAMP, cel.Type.DURATION
    known: list[tuple[str, Any, Any, Any]] = [
        ("int64", whole, whole, whole),
        ("uint64", cel.Type.UINT, cel.Type.UINT, cel.Type.UINT),
        ("double", other, other, other),
    ]
    if function == "_+_":
        known += [("string", text, text, text), ("list", cel.Type.LIST, cel.Type.LIST, cel.Type.LIST)]
        known += [("timestamp_duration", time, span, time), ("duration_timestamp", span, time, time)]
        known += [("duration_duration", span, span, span)]
    if function == "_-_":
        known += [("timestamp_duration", time, span, time), ("timestamp_timestamp", time, time, span)]
        known += [("duration_duration", span, span, span)]
    overloads = [cel.Overload(f"{overload}_{n}", return_type=r, parameters=[a, b]) for n, a, b, r in known]
    overloads.append(cel.Overload(f"{overload}_mixed_1", return_type=other, parameters=[whole, other], impl=work))
    overloads.append(cel.Overload(f"{overload}_mixed_2", return_type=other, parameters=[other, whole], impl=work))
    return cel.FunctionDecl(function, overloads)


_OPERATIONS: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "_+_": ("add", operator.add),
    "_-_": ("subtract", operator.sub),
    "_*_": ("multiply", operator.mul),
    "_/_": ("divide", _divided),
}
_ARITHMETIC = [_mixed(function, name, work) for function, (name, work) in _OPERATIONS.items()]
_CONFIG = cel.NewEnvConfigFromYaml(
    "stdlib:\n  exclude_functions:\n" + "".join(f"    - name: {function}\n" for function in _OPERATIONS)
)
UNCHECKED = _environment({})
"""Compiles without looking at types; names need no declaration."""

CHECKING = _environment({f"v{i}": cel.Type.DYN for i in range(SLOTS)})
"""Knows the names `v0`, `v1`, … of any type: making an environment for each set of names would cost 4 ms."""
