"""Reading a request field by field: what is not read is refused by its name, never dropped."""

from __future__ import annotations

from collections.abc import Iterator

from girih.errors import InvalidInput
from girih.language.spec.tree import JsonObject, JsonValue


def wrong(path: str, message: str, code: str = "invalid_value") -> InvalidInput:
    """A field that cannot be accepted: `path` is the `param` of the error, as `messages[0].role`."""
    return InvalidInput(f"{path}: {message}" if path else message, param=path or None, code=code)


class Fields:
    """An object of a request. Every `take` reads one field; `end` refuses those that nobody read."""

    def __init__(self, given: JsonValue, path: str = "") -> None:
        if not isinstance(given, dict):
            raise wrong(path, "must be a JSON object", "invalid_type")
        self._given: JsonObject = given
        self._left = dict.fromkeys(given)
        self.path = path

    def at(self, name: str) -> str:
        """The path of a field."""
        return f"{self.path}.{name}" if self.path else name

    def take(self, name: str) -> JsonValue:
        """A field as it is; `None` where it is missing."""
        self._left.pop(name, None)
        return self._given.get(name)

    def text(self, name: str, *, longest: int = 0) -> str | None:
        """A field that is text."""
        value = self.take(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise wrong(self.at(name), "must be text", "invalid_type")
        if longest and len(value) > longest:
            raise wrong(self.at(name), f"is longer than {longest} characters", "string_above_max_length")
        return value

    def name(self, name: str, *, longest: int = 200) -> str:
        """A field that has to be there, as text that is not empty."""
        value = self.text(name, longest=longest)
        if not value:
            raise wrong(self.at(name), "is missing", "missing_required_parameter")
        return value

    def flag(self, name: str) -> bool | None:
        """A field that is `true` or `false`."""
        value = self.take(name)
        if value is not None and not isinstance(value, bool):
            raise wrong(self.at(name), "must be true or false", "invalid_type")
        return value

    def number(self, name: str, least: float, most: float) -> float | int | None:
        """A field that is a number in a range."""
        value = self.take(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong(self.at(name), "must be a number", "invalid_type")
        if not least <= value <= most:
            raise wrong(self.at(name), f"must be from {least:g} to {most:g}")
        return value

    def whole(self, name: str, least: int, most: int = 2**63 - 1) -> int | None:
        """A field that is a whole number in a range."""
        value = self.number(name, least, most)
        if value is not None and not isinstance(value, int):
            raise wrong(self.at(name), "must be a whole number", "invalid_type")
        return value

    def inner(self, name: str) -> Fields | None:
        """A field that is an object."""
        value = self.take(name)
        return None if value is None else Fields(value, self.at(name))

    def listed(self, name: str) -> list[tuple[str, JsonValue]] | None:
        """The items of a field that is a list, each with its path."""
        value = self.take(name)
        if value is None:
            return None
        if not isinstance(value, list):
            raise wrong(self.at(name), "must be a list", "invalid_type")
        return [(f"{self.at(name)}[{number}]", item) for number, item in enumerate(value)]

    def chosen(self, name: str, *choices: str) -> str | None:
        """A field that is one of some words."""
        value = self.text(name)
        if value is not None and value not in choices:
            raise wrong(self.at(name), f"'{value[:60]}' is not taken; send {' or '.join(choices)}")
        return value

    def neutral(self, name: str, *neutral: JsonValue) -> None:
        """A field that girih has no use for: taken only where it asks for nothing."""
        value = self.take(name)
        if value is None or any(value == one and type(value) is type(one) for one in neutral):
            return
        only = f"; only {_spoken(neutral[0])} is taken" if neutral else ""
        raise wrong(self.at(name), f"this is not supported{only}", "unsupported_parameter")

    def end(self) -> None:
        """Refuse the first field that nobody has read, unless it is `null`."""
        for name in self._left:
            if self._given[name] is not None:
                raise wrong(self.at(name[:100]), "there is no such field", "unknown_parameter")


def objects(items: list[tuple[str, JsonValue]]) -> Iterator[Fields]:
    """The items of a list of objects."""
    for path, item in items:
        yield Fields(item, path)


def _spoken(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"'{value}'" if isinstance(value, str) else str(value)
