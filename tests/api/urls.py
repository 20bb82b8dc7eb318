"""Every field that takes an address, found in the schemas, and spellings of addresses that nobody may have asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from tests.api.test_openapi import operations

import girih.api.app  # noqa: F401 - so that all models of bodies are there
from girih.cli.schema import schemas
from girih.language.nodes.registry import kinds

HOSTS = [
    "127.0.0.1", "127.1", "127.0.1", "127.255.255.254", "0", "0.0.0.0", "2130706433", "017700000001", "0x7f000001",
    "0x7f.1", "0177.0.0.1", "0x7f.0.0.0x1", "127.000.000.001", "127.0.0.1.", "１２７.0.0.1", "①②⑦.⓪.⓪.①", "127。0。0。1",
    "127．0．0．1", "localhost", "LOCALHOST", "localhost.", "a.localhost", "ｌｏｃａｌｈｏｓｔ", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "[::1]", "[::]",
    "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[::ffff:0:127.0.0.1]",
    "[2002:7f00:1::]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2001:0:7f00:1::]", "[fe80::1]", "[fe80::1%25lo]",
    "[fe80::1%lo]", "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]", "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1",
    "100.100.100.200", "169.254.169.254", "169.254.170.2", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376",
    "[::ffff:a9fe:a9fe]", "168.63.129.16.", "metadata.google.internal", "METADATA.GOOGLE.INTERNAL.", "255.255.255.255",
    "224.0.0.1", "198.18.0.1", "192.0.0.192", "rebind.example", "inside.example", "printer.local",
]  # fmt: skip
"""Hosts: of this machine, of private networks, of clouds' metadata, of nobody, and names that lead there."""
MEETS = {"168.63.129.16."}
"""A public address by its number, which is a service of Azure's machines only there: no address tells."""
FORMS = [
    "https://user:pw@127.0.0.1/", "https://api.example@127.0.0.1/", "https://127.0.0.1\\@api.example/",
    "https://api.example\\@127.0.0.1/", "https:\\\\127.0.0.1/", "https:127.0.0.1/", "https:/127.0.0.1/", "///127.0.0.1/",
    "//127.0.0.1/", "https://127.0.0.1:0/", "https://127.0.0.1:99999/", "https://127.0.0.1:80:80/", "https://[::1/",
    "https://12\t7.0.0.1/", "https://127.0.\n0.1/", "\thttps://127.0.0.1/", "https://%31%32%37.0.0.1/",
    "https://127.0.0.1%00.example/", "https://127.0.0.1%2f.example/", "http://127.0.0.1/", "HTTPS://127.0.0.1/", "ftp://127.0.0.1/",
    "file:///etc/passwd", "file://localhost/etc/passwd", "gopher://127.0.0.1:6379/_PING", "dict://127.0.0.1:6379/",
    "unix:///var/run/docker.sock", "http+unix://%2Fvar%2Frun%2Fdocker.sock/", "jar:https://127.0.0.1!/", "javascript:alert(1)", "ws://127.0.0.1/",
    "https://\u202e127.0.0.1/", "https://\u200b127.0.0.1/", "https://127.0.0.1#@api.example/", "https://127.0.0.1?@api.example/", "https://",
]  # fmt: skip
"""The same in other forms of a whole address: with a user, with what readers take apart differently, other schemes."""
SPELLINGS = [f"https://{host}/x" for host in HOSTS if host not in MEETS] + FORMS

_NAME = re.compile(
    r"(^|_)(ur[il]s?|endpoints?|webhooks?|servers?|issuers?|sitemaps?|callbacks?|redirect|origins?|href|links?|hosts?|proxy)(_|$)",
    re.IGNORECASE,
)
_FORMATS = frozenset({"uri", "url", "uri-reference", "iri"})
Schema = dict[str, Any]


def url_fields(schema: Any, known: Schema, path: tuple[str, ...] = (), above: tuple[str, ...] = ()) -> Iterator[str]:
    """The paths of all fields of a schema whose name or format says that they take an address."""
    if not isinstance(schema, dict):
        return
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name not in above:
            yield from url_fields(known.get(name), known, path, (*above, name))
        return
    inner = [one for kind in ("anyOf", "oneOf", "allOf", "prefixItems") for one in schema.get(kind, ())]
    for one in [*inner, schema.get("items"), schema.get("additionalProperties")]:
        yield from url_fields(one, known, path, above)
    for name, field in schema.get("properties", {}).items():
        if _NAME.search(_snake(name)) or (isinstance(field, dict) and field.get("format") in _FORMATS):
            yield ".".join((*path, name))
        yield from url_fields(field, known, (*path, name), above)


def found_in(app: FastAPI) -> set[str]:
    """Every field that takes an address: of specs, of requests of the description, and of bodies of the doors."""
    found: set[str] = set()
    for kind, schema in schemas(kinds()).items():
        found |= {f"{kind} {path}" for path in url_fields(schema, schema.get("$defs", {}))}
    document = app.openapi()
    known = document["components"]["schemas"]
    for _, _, operation in operations(document):
        name = operation["operationId"]
        for content in operation.get("requestBody", {}).get("content", {}).values():
            found |= {f"{name} {path}" for path in url_fields(content.get("schema"), known)}
        queries = [one["name"] for one in operation.get("parameters", ()) if one["in"] != "path"]
        found |= {f"{name} ?{one}" for one in queries if _NAME.search(one)}
    for model in _below(BaseModel):
        if model.__module__.startswith("girih.api.compat."):
            fields = [one.alias or name for name, one in model.model_fields.items()]
            found |= {f"{model.__name__} {name}" for name in fields if _NAME.search(_snake(name))}
    return found


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)


def _below(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for one in model.__subclasses__():
        yield one
        yield from _below(one)
