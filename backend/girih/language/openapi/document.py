"""An OpenAPI document (3.0 or 3.1) as it was read: its operations by name, and what its references point to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from girih.language.spec.foreign import Foreign, ForeignError
from girih.language.spec.suggest import did_you_mean, one_of
from girih.language.spec.tree import JsonObject, JsonValue, Path, Tree

METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")
"""The keys of a path that are operations."""

_VERSION = re.compile(r"3\.[01](\.\d+)?\Z")
_BY_PATH = re.compile(r"([A-Za-z]+)\s+(/\S*)\Z")
_MANY = 12


class OpenApiFault(Exception):
    """Why a document, or an operation of it, cannot be used; `at` is the place in the document, if it has one."""

    def __init__(self, message: str, help: str | None = None, at: Path | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.help = help
        self.at = at


@dataclass(frozen=True)
class Operation:
    """One operation: its method, its path as written, where it stands, and the parameters its path gives to all."""

    method: str
    path: str
    at: Path
    value: JsonObject
    shared: tuple[JsonValue, ...] = ()


@dataclass(frozen=True)
class Description:
    """The document. Nothing outside of it is ever read."""

    tree: Tree
    version: str

    @property
    def foreign(self) -> Foreign:
        """Reads its schemas, with a new count of their parts."""
        return Foreign(self.tree.value, is_openapi_30=self.version.startswith("3.0"))

    def operation(self, name: str) -> Operation:
        """The operation of that `operationId`, or of that method and path. Raises `OpenApiFault`."""
        known: dict[str, Operation] = {}
        by_path = _BY_PATH.match(name)
        for found in self._operations():
            written = found.value.get("operationId")
            if written == name or (by_path and (found.method, found.path) == (by_path[1].lower(), by_path[2])):
                return found
            known[str(written) if isinstance(written, str) else f"{found.method.upper()} {found.path}"] = found
        raise OpenApiFault(f"there is no operation '{name}' in '{self.tree.source.name}'", _near(name, known))

    def names(self) -> list[str]:
        """What `operation` takes, in the order of the document."""
        return [
            str(found.value["operationId"])
            if isinstance(found.value.get("operationId"), str)
            else f"{found.method.upper()} {found.path}"
            for found in self._operations()
        ]

    def followed(self, value: JsonValue, at: Path) -> JsonObject:
        """A parameter, body or response, behind its references. Raises `OpenApiFault`."""
        seen: set[str] = set()
        while isinstance(value, dict) and isinstance(ref := value.get("$ref"), str):
            if ref in seen:
                raise OpenApiFault(f"'{ref}' refers to itself", at=at)
            seen.add(ref)
            try:
                value = Foreign(self.tree.value).found(ref)
            except ForeignError as fault:
                raise OpenApiFault(str(fault), "put it into the same document", at) from fault
        return value if isinstance(value, dict) else {}

    def _operations(self) -> Iterator[Operation]:
        paths = self.tree.value.get("paths")
        for path, written in paths.items() if isinstance(paths, dict) else ():
            item = self.followed(written, ("paths", path))
            shared = item.get("parameters")
            for method in METHODS:
                if isinstance(item.get(method), dict):
                    common = tuple(shared) if isinstance(shared, list) else ()
                    yield Operation(method, str(path), ("paths", path, method), item[method], common)


def described(tree: Tree) -> Description:
    """The tree as a description. Raises `OpenApiFault` for what is none, or of another version."""
    value = tree.value if isinstance(tree.value, dict) else {}
    version = value.get("openapi")
    if isinstance(version, str) and _VERSION.match(version):
        return Description(tree, version)
    name = tree.source.name
    if "swagger" in value:
        raise OpenApiFault(f"'{name}' is a Swagger 2.0 document", "convert it to OpenAPI 3.0 or 3.1", ("swagger",))
    if not isinstance(version, str | float):
        raise OpenApiFault(f"'{name}' is no OpenAPI document: it has no 'openapi:'", "name one of version 3.0 or 3.1")
    raise OpenApiFault(f"'{name}' is of OpenAPI {version}, which is not known", "use 3.0 or 3.1", ("openapi",))


def _near(name: str, known: Mapping[str, Operation]) -> str:
    near = did_you_mean(name, known)
    if near is not None:
        return f"did you mean '{near}'?"
    return f"operations: {one_of(list(known)[:_MANY])}" if known else "the document has no operations"
