"""The description of the API is whole: every reference resolves, every operation says who may call it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator
from tests.api.conftest import Client

METHODS = ("get", "put", "post", "delete", "patch")


@pytest.fixture
def document(app: FastAPI) -> dict[str, Any]:
    return app.openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


async def test_everybody_may_read_it(anonymous: Client, document: dict[str, Any]) -> None:
    assert (await anonymous.get("/openapi.json")).json() == document
    assert document["openapi"].startswith("3.1")


def test_every_reference_resolves(document: dict[str, Any]) -> None:
    for reference in set(references(document)):
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def test_every_schema_is_one(document: dict[str, Any]) -> None:
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


SIGNING_IN = {"/v1/auth/sign-in", "/v1/auth/refresh", "/v1/auth/accept"} | {
    "/v1/auth/oidc",
    "/v1/auth/oidc/{provider}/start",
    "/v1/auth/oidc/{provider}/callback",
    "/v1/auth/oidc/token",
    "/v1/auth/password/forgot",
    "/v1/auth/password/reset",
    "/v1/auth/email/confirm",
    "/v1/setup",
}
"""What whoever calls has to show is in the body."""


def test_operations_have_names_words_permissions_and_problems(document: dict[str, Any]) -> None:
    seen: set[str] = set()
    for path, _, operation in operations(document):
        assert operation["operationId"] not in seen
        seen.add(operation["operationId"])
        assert operation["description"]
        assert operation["tags"]
        is_public = operation["x-permission"] == "public"
        assert is_public == (operation["security"] == [])
        assert is_public != (path.startswith("/v1/") and path not in SIGNING_IN)
        assert {"4XX", "5XX"} <= operation["responses"].keys()
        assert "422" not in operation["responses"]


def test_every_body_refuses_what_it_does_not_know(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for path, _, operation in operations(document):
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" not in content:
            continue
        # A body that may be left out is one of two schemas.
        names = [found.rpartition("/")[2] for found in references(content["application/json"]["schema"])]
        assert names, path
        assert all(schemas[name].get("additionalProperties") is False for name in names), path


def test_parameters_of_paths_are_declared(document: dict[str, Any]) -> None:
    for path, _, operation in operations(document):
        named = {part[1:-1] for part in path.split("/") if part.startswith("{")}
        assert named == {item["name"] for item in operation.get("parameters", []) if item["in"] == "path"}
