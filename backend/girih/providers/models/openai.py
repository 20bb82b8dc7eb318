"""Chat models of any provider that speaks OpenAI's Chat Completions, through LangChain's own client."""

from __future__ import annotations

from typing import Any

from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from girih.errors import NodeError
from girih.language.spec.tree import JsonObject, JsonSchema
from girih.providers.outbound import OPENAI_URL, ProviderClients, provider_clients

_RESERVED = frozenset({"messages", "model", "stream", "stream_options", "tools", "functions", "response_format", "n"})
_STRICT_KEYS = frozenset(
    {"type", "properties", "required", "additionalProperties", "items", "enum", "const", "description", "title"}
)


def openai_model(
    model: str, *, api_key: str, base_url: str, timeout: float, clients: ProviderClients | None = None
) -> ChatOpenAI:
    """A client for one model. `timeout` (seconds) bounds the wait for the connection and for each chunk.

    It sends with `clients` (its own, if none are given). Its own retries are off: `chat.py` retries, for all providers
    alike.
    """
    clients = clients or provider_clients(base_url, timeout)
    return ChatOpenAI(
        model=model,
        api_key=SecretStr(api_key or "not-needed"),
        base_url=base_url or OPENAI_URL,
        timeout=timeout,
        stream_chunk_timeout=timeout,
        max_retries=0,
        stream_usage=True,
        use_responses_api=False,
        http_async_client=clients.http,
        http_client=clients.blocking,
        openai_proxy="",  # else OPENAI_PROXY of the environment is taken
    )


def openai_options(params: JsonObject, schema: JsonSchema | None) -> dict[str, Any]:
    """The options of one call. Parameters and the schema go into the request's body just as they are.

    (LangChain's own `response_format` would parse the stream as it goes, and fail on text that we want to repair.)
    Raises `NodeError` for a parameter that girih sets itself.
    """
    if taken := sorted(_RESERVED & params.keys()):
        raise NodeError(
            "refused",
            f"the model parameter '{taken[0]}' is set by girih itself",
            help=f"remove '{taken[0]}' from params",
        )
    body = dict(params)
    if schema is not None:
        described = {"name": "answer", "schema": schema, "strict": is_strict(schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": described}
    return {"extra_body": body} if body else {}


def is_strict(schema: Any) -> bool:
    """Whether the schema is of the kind that providers enforce token by token: closed objects, all fields required."""
    if not isinstance(schema, dict) or schema.keys() - _STRICT_KEYS or not schema.keys() & {"type", "enum", "const"}:
        return False
    properties = schema.get("properties", {})
    if schema.get("type") == "object" and (
        schema.get("additionalProperties") is not False or set(schema.get("required", ())) != set(properties)
    ):
        return False
    items = [schema["items"]] if "items" in schema else []
    return all(is_strict(item) for item in [*properties.values(), *items])
