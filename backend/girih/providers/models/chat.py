"""Chat models by logical name: resolves names, tries the fallbacks, retries what is worth it, and streams."""

from __future__ import annotations

import importlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

import stamina
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage

from girih.errors import NodeError
from girih.language.nodes.ports import Message, ModelDone, ModelEvent, ModelRequest, Models, TextDelta, Usage
from girih.language.spec.tree import JsonObject
from girih.providers.models import demo
from girih.providers.models.demo import DemoChatModel
from girih.providers.models.faults import as_node_error
from girih.providers.outbound import ProviderClients

OPENAI: Final = "openai"
"""What a binding to an OpenAI-compatible provider is called."""

BUILT_IN: Mapping[str, JsonObject] = {"default": {"provider": "default"}, "demo": {"provider": "demo"}}
"""The models every server has."""

_PASSING = frozenset({"rate_limit", "timeout", "unavailable"})
"""Failures after which the next model of a chain is tried."""

_RETRIED = frozenset({"rate_limit", "timeout"})
"""Failures after which the same model is asked again."""


_DEMO_PARAMS = ("script", "tokens", "delay_ms")

_MESSAGES: Mapping[str, type[BaseMessage]] = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}


@dataclass(frozen=True)
class ModelOptions:
    """What the operator set. Without key and base URL, `provider: default` is the demo model.

    `timeout`: seconds to wait for a connection, the first token, and each further one. `attempts`: how often one model
    is asked in all before the next one is. `clients` are what everything is sent with; without them each model makes
    its own, guarded just the same.
    """

    openai_api_key: str = ""
    openai_base_url: str = ""
    openai_model: str = "gpt-5-mini"
    timeout: float = 60.0
    attempts: int = 3
    clients: ProviderClients | None = None

    @property
    def has_openai(self) -> bool:
        """Whether a real provider is set up (a local server needs an address only)."""
        return bool(self.openai_api_key or self.openai_base_url)


@dataclass(frozen=True)
class _Binding:
    """A logical model bound to a provider's client."""

    name: str
    provider: Literal["openai", "girih-demo"]
    model: str
    client: BaseChatModel
    params: JsonObject


def load_openai() -> Any:
    """The module of the OpenAI client. Loading it takes a second, which a process without a key never spends."""
    return importlib.import_module("girih.providers.models.openai")


def make_models(documents: Mapping[str, JsonObject], options: ModelOptions) -> Models:
    """The models of a project: its `model/v1` documents by name, besides the built-in ones."""
    return ChatModels(documents, options)


class ChatModels:
    """The `Models` port over LangChain chat models. Clients are made on first use and kept."""

    def __init__(self, documents: Mapping[str, JsonObject], options: ModelOptions) -> None:
        self._documents = {**BUILT_IN, **documents}
        self._options = options
        self._bindings: dict[str, _Binding] = {}

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """Stream one answer. Retries and fallbacks happen only before the first piece; afterwards a fault is final."""
        messages = [_message(message) for message in request.messages]
        failure = NodeError("unavailable", "no model is named", help="name one under use:")
        for name in request.models:
            try:
                answer = await self._open(self._binding(name), messages, request)
            except NodeError as error:
                failure = error
                if error.kind not in _PASSING:
                    break
                continue
            async for event in answer:
                yield event
            return
        raise failure

    async def _open(
        self, binding: _Binding, messages: list[BaseMessage], request: ModelRequest
    ) -> AsyncIterator[ModelEvent]:
        """The answer's events, once the first chunk is there."""
        attempts = stamina.retry_context(
            on=_worth_a_retry, attempts=self._options.attempts, wait_initial=0.2, wait_max=4.0, timeout=30.0
        )
        async for attempt in attempts:
            with attempt:
                stream = binding.client.astream(messages, **_options(binding, request))
                chunks = cast("AsyncGenerator[AIMessageChunk]", stream)
                try:
                    first = await anext(chunks, None)
                except Exception as error:
                    raise as_node_error(error, binding.name) from error
        return _events(binding, first, chunks)

    def _binding(self, name: str) -> _Binding:
        if name not in self._bindings:
            document = self._documents.get(name)
            if document is None:
                raise NodeError(
                    "unavailable", f"model '{name}' does not exist", help=f"apply a model/v1 document named '{name}'"
                )
            self._bindings[name] = self._bind(name, document)
        return self._bindings[name]

    def _bind(self, name: str, document: JsonObject) -> _Binding:
        provider = document.get("provider", "default")
        params = document.get("params") or {}
        options = self._options
        if provider == "demo" or (provider == "default" and not options.has_openai):
            return _Binding(name, demo.PROVIDER, "demo", DemoChatModel(), params)
        if not options.has_openai:
            raise NodeError(
                "unavailable", f"model '{name}' needs an OpenAI key and none is set", help="set OPENAI_API_KEY"
            )
        model = document.get("model") or options.openai_model
        client = load_openai().openai_model(
            model,
            api_key=options.openai_api_key,
            base_url=options.openai_base_url,
            timeout=options.timeout,
            clients=options.clients,
        )
        return _Binding(name, OPENAI, model, client, params)


def _worth_a_retry(error: Exception) -> bool:
    return isinstance(error, NodeError) and error.kind in _RETRIED


def _message(message: Message) -> BaseMessage:
    return _MESSAGES[message.role](content=message.content)


def _options(binding: _Binding, request: ModelRequest) -> dict[str, Any]:
    params = {**binding.params, **request.params}
    if binding.provider == OPENAI:
        options: dict[str, Any] = load_openai().openai_options(params, request.schema)
        return options
    known: dict[str, Any] = {key: params[key] for key in _DEMO_PARAMS if key in params}
    if request.schema is not None:
        known["response_format"] = {"type": "json_schema", "json_schema": {"schema": request.schema}}
    return known


async def _events(
    binding: _Binding, first: AIMessageChunk | None, chunks: AsyncGenerator[AIMessageChunk]
) -> AsyncIterator[ModelEvent]:
    usage = Usage()
    chunk = first
    async with aclosing(chunks):
        try:
            while chunk is not None:
                if chunk.usage_metadata:
                    usage = usage + Usage(chunk.usage_metadata["input_tokens"], chunk.usage_metadata["output_tokens"])
                _require_unfiltered(chunk, binding.name)
                if text := chunk.content if isinstance(chunk.content, str) else chunk.text:
                    yield TextDelta(text)
                chunk = await anext(chunks, None)
        except Exception as error:
            raise as_node_error(error, binding.name) from error
    yield ModelDone(usage, binding.model, binding.provider)


def _require_unfiltered(chunk: AIMessageChunk, model: str) -> None:
    if chunk.response_metadata.get("finish_reason") == "content_filter":
        raise NodeError("refused", f"model '{model}': the provider's content filter cut the answer off")
    if refusal := chunk.additional_kwargs.get("refusal"):
        raise NodeError("refused", f"model '{model}' refused: {str(refusal)[:200]}")
