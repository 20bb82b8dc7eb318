"""What the sandbox's built-in functions and methods give, as JSON Schemas."""

from __future__ import annotations

import builtins
from collections.abc import Mapping

from girih.language.expressions.kinds import ANY, BOOLEAN, NUMBER, TEXT, WHOLE
from girih.language.spec.tree import JsonSchema


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NULL: JsonSchema = {"type": "null"}
LIST: JsonSchema = {"type": "array"}
TEXTS: JsonSchema = {"type": "array", "items": TEXT}
OBJECT: JsonSchema = {"type": "object"}

_MISSING = _words(
    "BaseExceptionGroup BlockingIOError BrokenPipeError BufferError BytesWarning ChildProcessError "
    "ConnectionAbortedError ConnectionError ConnectionRefusedError ConnectionResetError DeprecationWarning EOFError "
    "EncodingWarning EnvironmentError ExceptionGroup FloatingPointError FutureWarning GeneratorExit IOError "
    "ImportWarning IndentationError InterruptedError NameError PendingDeprecationWarning ProcessLookupError "
    "ReferenceError ResourceWarning RuntimeWarning StopAsyncIteration SyntaxWarning SystemError TabError UnicodeError "
    "UnicodeTranslateError UnicodeWarning UserWarning Warning aiter anext ascii breakpoint bytearray callable "
    "classmethod copyright credits delattr dir exit globals help issubclass license memoryview quit staticmethod "
    "super vars"
)
BUILTINS = frozenset(name for name in dir(builtins) if not name.startswith("_")) - _MISSING
"""The names that every program knows."""

CALLS: Mapping[str, JsonSchema] = {
    "abs": NUMBER, "all": BOOLEAN, "any": BOOLEAN, "bin": TEXT, "bool": BOOLEAN, "chr": TEXT, "dict": OBJECT,
    "float": NUMBER, "format": TEXT, "hasattr": BOOLEAN, "hash": WHOLE, "hex": TEXT, "int": WHOLE,
    "isinstance": BOOLEAN, "len": WHOLE, "list": LIST, "oct": TEXT, "ord": WHOLE, "pow": NUMBER, "print": NULL,
    "range": {"type": "array", "items": WHOLE}, "repr": TEXT, "round": NUMBER, "str": TEXT, "sum": NUMBER,
    "tuple": LIST, "sorted": LIST,
}  # fmt: skip
"""What a call gives, whatever it is called with."""

ITERATES = frozenset({"all", "any", "enumerate", "list", "reversed", "set", "sorted", "sum", "tuple"})
"""Functions whose first argument is gone through one by one."""

KEEPS_ITEMS = frozenset({"list", "sorted", "tuple", "reversed"})
"""Functions that give the items of their argument."""

_STRING = {
    **dict.fromkeys(
        _words("capitalize casefold center expandtabs format format_map join ljust lower lstrip removeprefix "
        "removesuffix replace rjust rstrip strip swapcase title translate upper zfill"), TEXT),
    **dict.fromkeys(
        _words("endswith isalnum isalpha isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace "
        "istitle isupper startswith"), BOOLEAN),
    **dict.fromkeys(_words("count find index rfind rindex"), WHOLE),
    **dict.fromkeys(_words("partition rpartition rsplit split splitlines"), TEXTS),
    "encode": ANY,
    "maketrans": ANY,
}  # fmt: skip
_LIST = {
    **dict.fromkeys(_words("append clear extend insert remove reverse sort"), NULL),
    "copy": LIST,
    "count": WHOLE,
    "index": WHOLE,
    "pop": ANY,
}
_OBJECT = {
    **dict.fromkeys(_words("fromkeys get items keys pop popitem setdefault values"), ANY),
    "clear": NULL,
    "copy": OBJECT,
    "update": NULL,
}
_NUMBER = dict.fromkeys(
    _words(
        "as_integer_ratio bit_count bit_length conjugate denominator from_bytes fromhex hex imag is_integer numerator "
        "real to_bytes"
    ),
    ANY,
)
METHODS: Mapping[str, Mapping[str, JsonSchema]] = {
    "string": _STRING,
    "array": _LIST,
    "object": _OBJECT,
    "integer": _NUMBER,
    "number": _NUMBER,
    "boolean": _NUMBER,
    "null": {},
}
"""JSON type → method → what calling it gives."""

CHANGING = _words("append clear extend insert pop popitem remove reverse setdefault sort update")
"""Methods that change a list or a mapping in place."""

HANDING_ON = frozenset({"filter", "iter", "map", "next", "setattr"})
"""Functions that give what they were given to somebody else."""
