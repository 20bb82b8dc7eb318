"""Checkpoint values as bytes: plain data only, and anything else is refused instead of revived or dropped."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import ormsgpack

from girih.errors import Conflict

_OPTIONS = (
    ormsgpack.OPT_PASSTHROUGH_BIG_INT
    | ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_SUBCLASS
    | ormsgpack.OPT_PASSTHROUGH_TUPLE
    | ormsgpack.OPT_PASSTHROUGH_UUID
)
_SET, _BIG_INT = 1, 2
_MAX_DEPTH = 500
_BINARY = re.compile(rb"[\xc4-\xc6]")
"""MessagePack's marks of binary data. They may be parts of text, so where one stands the values are looked at."""


class NotPlainError(TypeError):
    """A value that is not plain data came to a checkpoint."""


class NotReadableError(Conflict, ValueError):
    """Stored bytes of a form that this serializer never writes. What they hold is repeated to nobody."""

    code = "state_unreadable"

    def __init__(self) -> None:
        super().__init__(
            "the stored state of the run cannot be read: it is not as girih writes it",
            help="start the run anew; an operator may restore the database from a backup",
        )


@contextmanager
def reading_stored() -> Iterator[None]:
    """What goes wrong with data that may not be as it was written, as `NotReadableError`."""
    try:
        yield
    except NotReadableError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        raise NotReadableError from error


class PlainSerializer:
    """Writes null, booleans, numbers of any size (also NaN), text (also lone surrogates), lists, string-keyed mappings.

    Sets of text are written too, because LangGraph's barriers keep one. Nothing read back is ever anything else:
    no tag names a type, and a mapping that looks like an envelope of some library stays a mapping.
    """

    MSGPACK: ClassVar[str] = "m1"
    JSON: ClassVar[str] = "j1"

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """The form's name and the bytes. Raises `NotPlainError`."""
        try:
            body = ormsgpack.packb(obj, default=_extend, option=_OPTIONS)
        except ormsgpack.MsgpackEncodeError:
            _require_plain(obj, "$", 0)  # names what is wrong; passes only text that is no valid Unicode
            return self.JSON, json.dumps(obj, separators=(",", ":")).encode("ascii")
        if _BINARY.search(body) and _has_binary(obj):
            raise NotPlainError("binary data is not plain data")
        return self.MSGPACK, body

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """The value. Raises `NotReadableError` for a form it does not know."""
        form, body = data
        with reading_stored():
            if form == self.MSGPACK:
                value = ormsgpack.unpackb(body, ext_hook=_revive)
                if not (_BINARY.search(body) and _has_binary(value)):
                    return value
            elif form == self.JSON:
                return json.loads(body)
        raise NotReadableError


_PLAIN = PlainSerializer()


def pack(value: Any) -> bytes:
    """Plain data as bytes that know their form. Raises `NotPlainError`."""
    form, body = _PLAIN.dumps_typed(value)
    return form.encode("ascii") + b":" + body


def unpack(data: bytes) -> Any:
    """What `pack` was given. Raises `NotReadableError`."""
    form, _, body = data.partition(b":")
    return _PLAIN.loads_typed((form.decode("ascii", "replace"), body))


def _extend(value: Any) -> ormsgpack.Ext:
    if type(value) is set and all(type(item) is str for item in value):
        return ormsgpack.Ext(_SET, ormsgpack.packb(sorted(value)))
    if type(value) is int:
        return ormsgpack.Ext(_BIG_INT, str(value).encode("ascii"))
    raise NotPlainError(f"{type(value).__qualname__} is not plain data")


def _revive(tag: int, body: bytes) -> Any:
    if tag == _SET:
        items = ormsgpack.unpackb(body)
        if type(items) is list and all(type(item) is str for item in items):
            return set(items)
    if tag == _BIG_INT:
        return int(body)
    raise ValueError(f"unknown tag {tag}")


def _has_binary(value: Any) -> bool:
    left = [value]
    while left:
        one = left.pop()
        if type(one) is dict:
            left.extend(one.values())
        elif type(one) is list:
            left.extend(one)
        elif isinstance(one, bytes | bytearray | memoryview):
            return True
    return False


def _require_plain(value: Any, at: str, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise NotPlainError(f"data nested deeper than {_MAX_DEPTH} levels at {at[:80]}")
    if type(value) is dict:
        for key, item in value.items():
            if type(key) is not str:
                raise NotPlainError(f"a mapping key of type {type(key).__qualname__} at {at} is not plain data")
            _require_plain(item, f"{at}.{key}", depth + 1)
    elif type(value) is list:
        for index, item in enumerate(value):
            _require_plain(item, f"{at}[{index}]", depth + 1)
    elif value is not None and type(value) not in (bool, int, float, str):
        raise NotPlainError(f"{type(value).__qualname__} at {at} is not plain data")
