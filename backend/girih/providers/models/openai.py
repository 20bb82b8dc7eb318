"""Chat models of any provider that speaks OpenAI's Chat Completions, through LangChain's own client."""

from __future__ import annotations

from typing import Any

import openai.resources.chat.chat
import openai.resources.chat.completions.completions  # noqa: F401 - else the first call would load them
from langchain_core.outputs import ChatGenerationChunk
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from girih.errors import NodeError
from girih.language.nodes.ports import ToolSpec
from girih.language.spec.tree import JsonObject, JsonSchema
from girih.providers.models.messages import function_of
from girih.providers.outbound import OPENAI_URL, ProviderClients, provider_clients

_RESERVED = frozenset({"messages", "model", "stream", "stream_options", "tools", "functions", "response_format", "n"})
_STRICT_KEYS = frozenset(
    {"type", "properties", "required", "additionalProperties", "items", "enum", "const", "description", "title"}
)


class OpenAIModel(ChatOpenAI):
    """LangChain's client, which drops the one thing in a stream that girih must see: that the model refuses."""

    def _convert_chunk_to_generation_chunk(
        self, chunk: dict[str, Any], default_chunk_class: type, base_generation_info: dict[str, Any] | None
    ) -> ChatGenerationChunk | None:
        made: ChatGenerationChunk | None = super()._convert_chunk_to_generation_chunk(
            chunk, default_chunk_class, base_generation_info
        )
        choices = chunk.get("choices") or [{}]
        if made is not None and (refusal := (choices[0].get("delta") or {}).get("refusal")):
            made.message.additional_kwargs["refusal"] = refusal
        return made


def openai_model(
    model: str, *, api_key: str, base_url: str, timeout: float, clients: ProviderClients | None = None
) -> ChatOpenAI:
    """A client for one model. `timeout` (seconds) bounds the wait for the connection and for each chunk.

    It sends with `clients` (its own, if none are given). Its own retries are off: `chat.py` retries, for all providers
    alike.
    """
    clients = clients or provider_clients(base_url, timeout)
    return OpenAIModel(
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


def openai_options(
    params: JsonObject, schema: JsonSchema | None, tools: tuple[ToolSpec, ...] = (), choice: str | None = None
) -> dict[str, Any]:
    """The options of one call. Parameters, the schema and the tools go into the request's body just as they are.

    (LangChain's own `response_format` would parse the stream as it goes, and fail on text that we want to repair.)
    Raises `NodeError` for a parameter that girih sets itself.
    """
    if taken := sorted(_RESERVED & params.keys()):
        raise NodeError(
            "refused",
            f"the model parameter '{taken[0]}' is set by girih itself",
            help=f"remove '{taken[0]}' from params",
            can_pass=False,
        )
    body = dict(params)
    if schema is not None:
        described = {"name": "answer", "schema": schema, "strict": is_strict(schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": described}
    if tools:
        body["tools"] = [_function(tool) for tool in tools]
        if choice is not None:
            is_word = choice in ("auto", "none", "required")
            body["tool_choice"] = choice if is_word else {"type": "function", "function": {"name": choice}}
    return {"extra_body": body} if body else {}


def _function(tool: ToolSpec) -> JsonObject:
    described = function_of(tool)
    if is_strict(tool.parameters):
        described["function"]["strict"] = True
    return described


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
