"""Operations of OpenAPI documents as tools: what they become, and which refusal each fault gets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.workspace import Workspace
from girih.language.spec.tools import tool_schemas

PETS = """\
openapi: 3.0.3
info: { title: Pets, version: "1" }
paths:
  /pets/{petId}:
    parameters:
      - { name: petId, in: path, required: true, schema: { type: integer, minimum: 0, exclusiveMinimum: true } }
    get:
      operationId: getPet
      summary: One pet.
      responses:
        200: { $ref: '#/components/responses/Pet' }
    patch:
      operationId: changePet
      requestBody:
        required: true
        content: { application/json: { schema: { $ref: '#/components/schemas/NewPet' } } }
      responses: { "204": { description: done } }
  /pets:
    get:
      operationId: listPets
      parameters:
        - { name: pageSize, in: query, schema: { type: integer, default: 20 } }
        - { name: tag, in: query, explode: false, schema: { type: array, items: { type: string } } }
        - { name: X-Request-Id, in: header, required: true, schema: { type: string } }
        - { name: session, in: cookie, schema: { type: string } }
      responses:
        "200":
          description: ok
          content: { application/json: { schema: { type: array, items: { $ref: '#/components/schemas/Pet' } } } }
  /upload:
    post:
      operationId: upload
      requestBody: { required: true, content: { multipart/form-data: { schema: { type: object } } } }
      responses: { "200": { description: ok } }
    put:
      operationId: export
      responses: { "200": { description: ok, content: { text/csv: {} } } }
    delete:
      parameters:
        - { name: session, in: cookie, required: true, schema: { type: string } }
      responses: { "204": { description: done } }
  /elsewhere:
    get:
      operationId: elsewhere
      responses: { "200": { $ref: 'other.yaml#/components/responses/Pet' } }
components:
  responses:
    Pet: { description: ok, content: { application/json: { schema: { $ref: '#/components/schemas/Pet' } } } }
  schemas:
    NewPet:
      type: object
      required: [petName]
      properties:
        petName: { type: string, pattern: "^(?=a)", xml: { name: x } }
        nick: { type: string, nullable: true }
        id: { type: integer, readOnly: true }
    Pet:
      allOf:
        - $ref: '#/components/schemas/NewPet'
        - type: object
          properties:
            parent: { $ref: '#/components/schemas/Pet' }
            birthDay: { type: string, format: date }
"""


def compiled(tool: str, document: str = PETS, path: str = "pets.yaml") -> tuple[dict[str, Any] | None, list[str]]:
    made = compile_workspace(Workspace({"tools/a.yaml": f"kind: tool/v1\nname: a\n{tool}\n", path: document}))
    found = [f"{d.place.line}:{d.code} {d.message} | {d.help}" for d in made.diagnostics]
    return (made.others[0].document if made.others else None), found


def operation(name: str, document: str = PETS, more: str = "") -> dict[str, Any]:
    tool, found = compiled(f"openapi: {{ document: pets.yaml, operation: '{name}', endpoint: e }}\n{more}", document)
    assert tool is not None, found
    return tool


def test_a_result_put_together_and_one_that_holds_itself() -> None:
    tool = operation("getPet")
    assert tool["description"] == "One pet."
    assert tool["http"] == {
        "endpoint": "e",
        "method": "GET",
        "path": "/pets/{pet_id}",
        "reads": {"pet_name": "petName", "birth_day": "birthDay"},
    }
    parameters, returns = tool_schemas(tool)
    assert parameters["properties"] == {"pet_id": {"type": "integer", "exclusiveMinimum": 0}}
    assert returns["required"] == ["pet_name"]
    assert returns["properties"]["parent"] == {}
    assert returns["properties"]["pet_name"] == {"type": "string"}, "a pattern that cannot be held is left out"
    assert "openapi" not in tool


def test_a_body_is_sent_field_by_field_without_what_is_only_read() -> None:
    tool = operation("changePet")
    assert tool["http"]["send"] == {"pet_name": {"in": "field", "as": "petName"}, "nick": {"in": "field"}}
    assert tool_schemas(tool)[0]["required"] == ["pet_id", "pet_name"]
    assert tool["returns"] == {}


def test_a_list_and_what_goes_where() -> None:
    tool = operation("GET /pets")
    assert tool["http"]["answer"] == "items"
    assert tool["http"]["send"] == {
        "page_size": {"in": "query", "as": "pageSize"},
        "tag": {"in": "query", "lists": "comma"},
        "x_request_id": {"in": "header", "as": "X-Request-Id"},
    }
    item = tool_schemas(tool)[1]["properties"]["items"]["items"]
    assert set(item["properties"]) == {"petName", "nick", "id", "parent", "birthDay"}


def test_an_author_may_take_less_of_the_result() -> None:
    assert operation("getPet", more="returns: { pet_name: string }")["http"]["reads"] == {"pet_name": "petName"}
    _, found = compiled(
        "openapi: { document: pets.yaml, operation: getPet, endpoint: e }\nreturns: { petname: string }"
    )
    assert "the operation does not answer with 'petname'" in found[0]


def test_json_and_3_1_are_read_as_well() -> None:
    document = {
        "openapi": "3.1.0",
        "paths": {
            "/a": {
                "post": {
                    "operationId": "a",
                    "requestBody": {"content": {"application/json": {"schema": {"type": ["array"]}}}},
                    "responses": {"2XX": {"content": {"application/problem+json": {"schema": {"type": "string"}}}}},
                }
            }
        },
    }
    text = "openapi: { document: a.json, operation: a, url: 'https://example.com' }"
    tool, found = compiled(text, json.dumps(document), "a.json")
    assert tool is not None, found
    assert tool["http"]["send"] == {"body": {"in": "body"}}
    assert tool["returns"] == {"value": "string"}


def test_the_digest_is_that_of_the_operation_alone() -> None:
    assert operation("getPet") == operation("getPet", PETS.replace("multipart/form-data", "text/plain"))


@pytest.mark.parametrize(
    ("tool", "said"),
    [
        (
            "document: pets.yaml, operation: getPets, endpoint: e",
            "there is no operation 'getPets' in 'pets.yaml' | did",
        ),
        ("document: pets.yaml, operation: upload, endpoint: e", "takes multipart/form-data, and a tool sends JSON"),
        ("document: pets.yaml, operation: export, endpoint: e", "answers text/csv, and a tool reads JSON alone"),
        ("document: pets.yaml, operation: DELETE /upload, endpoint: e", "is sent as a cookie, which a tool cannot do"),
        ("document: pets.yaml, operation: elsewhere, endpoint: e", "is another document"),
        ("document: cats.yaml, operation: getPet, endpoint: e", "'cats.yaml' is not in the workspace | did you mean"),
        ("document: ../../pets.yaml, operation: getPet, endpoint: e", "is not in the workspace"),
        ("document: pets.yaml, operation: getPet", "needs either 'endpoint' or 'url', and not both"),
        ("document: tools/a.yaml, operation: getPet, endpoint: e", "is no OpenAPI document"),
    ],
)
def test_what_cannot_be_a_tool_is_refused_at_its_line(tool: str, said: str) -> None:
    document, found = compiled(f"openapi: {{ {tool} }}")
    assert document is None
    assert len(found) == 1
    assert said in found[0]
    assert found[0].startswith("3:")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("swagger: '2.0'\npaths: {}", "is a Swagger 2.0 document"),
        ("openapi: 4.0.0\npaths: {}", "is of OpenAPI 4.0.0, which is not known"),
        ("openapi: {]", "cannot be read at 1:"),
        ("openapi: 3.1.0", "the document has no operations"),
    ],
)
def test_documents_that_are_none(text: str, said: str) -> None:
    _, found = compiled("openapi: { document: pets.yaml, operation: getPet, endpoint: e }", text)
    assert any(said in one for one in found)


def test_a_schema_without_end_is_refused() -> None:
    fields = {f"f{n}": {"$ref": f"#/components/schemas/S{n}"} for n in range(12)}
    schemas = {f"S{n}": {"type": "object", "properties": fields} for n in range(12)}
    answer = {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/S0"}}}}}
    document = {
        "openapi": "3.1.0",
        "paths": {"/a": {"get": {"operationId": "getPet", "responses": answer}}},
        "components": {"schemas": schemas},
    }
    _, found = compiled("openapi: { document: a.json, operation: getPet, endpoint: e }", json.dumps(document), "a.json")
    assert "holds more than 4000 parts" in found[0]


@pytest.mark.parametrize(
    ("tool", "said"),
    [
        ("description: d", "does not say how it is called"),
        ("description: d\nhttp: { endpoint: e }\npython: { plugin: p }", "the tool has both 'http' and 'python'"),
        ("http: { endpoint: e }", "missing key 'description'"),
        ("description: d\nhttp: { endpoint: e }\nretry: 2", "'retry' would call a tool again that is not idempotent"),
        ("description: d\nhttp: { endpoint: e, headers: { Authorization: x } }", "is set by the call itself"),
        ("description: d\nhttp: { endpoint: e, headers: { X-A: 'secret://a' } }", "names a secret"),
        ("description: d\nhttp: { endpoint: e, send: { a: { in: query } } }", "'a' is no parameter"),
        ("description: d\nhttp: { endpoint: e, answer: items }", "'items' is no field of 'returns'"),
        ("description: d\nhttp: { endpoint: e }\napproval: args.amount > 5", "args"),
        ("description: d\nhttp: { endpoint: e }\napproval: sometimes", "sometimes"),
        ("description: d\nmcp: { command: npx, tool: t, pin: 'sha256:0' }", "unknown key 'command'"),
    ],
)
def test_keys_that_do_not_agree_are_told(tool: str, said: str) -> None:
    document, found = compiled(tool)
    assert document is None
    assert any(said in one for one in found)
