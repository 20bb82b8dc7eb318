"""Chat models by logical name: resolves names, tries the fallbacks, retries what is worth it, and streams."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import stamina
from langchain_core.messages import AIMessageChunk

from girih.errors import NodeError
from girih.language.nodes.accepting import with_params
from girih.language.nodes.ports import ModelEvent, ModelRequest, Models
from girih.language.spec.tree import JsonObject
from girih.providers.models import demo
from girih.providers.models.answers import answer_events
from girih.providers.models.binding import OPENAI, Ability, Binding, Price, abilities_of, price_of
from girih.providers.models.demo import DemoChatModel
from girih.providers.models.envelope import enveloped, prompted
from girih.providers.models.faults import as_node_error
from girih.providers.models.messages import as_langchain, function_of
from girih.providers.outbound import ProviderClients

BUILT_IN: Mapping[str, JsonObject] = {"default": {"provider": "default"}, "demo": {"provider": "demo"}}
"""The models every server has."""

_PASSING = frozenset({"rate_limit", "timeout", "unavailable"})
"""Failures after which the next model of a chain is tried."""

LONGEST_WAIT = 10.0
"""Seconds; a model whose provider asks for a longer wait is not asked again here."""

_DEMO_PARAMS = ("script", "tokens", "delay_ms")


@dataclass(frozen=True)
class ModelOptions:
    """What the operator set. Without key and base URL, `provider: default` is the demo model.

    `timeout`: seconds to wait for a connection, the first token, and each further one. `attempts`: how often one model
    is asked in all while its provider limits the rate. `clients` are what everything is sent with; without them each
    model makes its own, guarded just the same.
    """

    openai_api_key: str = ""
    openai_base_url: str = ""
    openai_model: str = "gpt-5-mini"
    timeout: float = 60.0
    attempts: int = 2
    clients: ProviderClients | None = None

    @property
    def has_openai(self) -> bool:
        """Whether a real provider is set up (a local server needs an address only)."""
        return bool(self.openai_api_key or self.openai_base_url)


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
        self._bindings: dict[str, Binding] = {}
        self._is_loaded = not options.has_openai

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """Stream one answer.

        Retries and fallbacks happen only before the first event; afterwards a fault is final. A model is asked again
        at most once, and only after a rate limit that is soon over: whatever else may pass is the business of the
        node's `retry`, so that the two never multiply. With `first_of`, the next model is asked after a failure that
        says nothing about the request (rate limit, time-out, no connection).
        """
        if not self._is_loaded:
            # Mostly it was loaded when the process began. Where not, other runs go on meanwhile.
            await asyncio.to_thread(load_openai)
            self._is_loaded = True
        failure = NodeError("unavailable", "no model is named", help="name one under use:", can_pass=False)
        for name in request.models:
            try:
                binding = self._binding(name)
                events = self._answer(binding, request)
                first = await anext(events)
            except NodeError as error:
                failure = error
                if error.kind not in _PASSING:
                    break
                continue
            async with aclosing(events):
                yield first
                async for event in events:
                    yield event
            return
        raise failure

    def _answer(self, binding: Binding, request: ModelRequest) -> AsyncGenerator[ModelEvent]:
        """The answer of one model, by whatever means it has. Raises `NodeError` for what it cannot do at all."""
        if any(message.images for message in request.messages):
            _require_able(binding, "native" if binding.images else "none", "be shown images")
        if request.tools:
            _require_able(binding, binding.tools, "call tools")
            if binding.tools == "prompted":
                asked = partial(self._asked, binding)
                return enveloped(request, asked, constrained=binding.structured_output == "native")
        if request.schema is not None:
            _require_able(binding, binding.structured_output, "give structured output")
            request = request if binding.structured_output == "native" else prompted(request)
        return self._asked(binding, request)

    async def _asked(self, binding: Binding, request: ModelRequest) -> AsyncGenerator[ModelEvent]:
        """One answer as the provider gives it; the first chunk is waited for with one retry."""
        messages, options = as_langchain(request.messages), _options(binding, request)
        attempts = stamina.retry_context(on=_wait_before_retry, attempts=self._options.attempts, timeout=None)
        async for attempt in attempts:
            with attempt:
                stream = binding.client.astream(messages, **options)
                chunks = cast("AsyncGenerator[AIMessageChunk]", stream)
                try:
                    first = await anext(chunks, None)
                except Exception as error:
                    raise as_node_error(error, binding.name) from error
        async with aclosing(answer_events(binding, first, chunks)) as events:
            async for event in events:
                yield event

    def _binding(self, name: str) -> Binding:
        if name not in self._bindings:
            document = self._documents.get(name)
            if document is None:
                raise NodeError(
                    "unavailable",
                    f"model '{name}' does not exist",
                    help=f"apply a model/v1 document named '{name}'",
                    can_pass=False,
                )
            self._bindings[name] = self._bind(name, document)
        return self._bindings[name]

    def _bind(self, name: str, document: JsonObject) -> Binding:
        provider = document.get("provider", "default")
        params = document.get("params") or {}
        options = self._options
        if provider == "demo" or (provider == "default" and not options.has_openai):
            # What stands in for a provider that is not set up costs nothing, whatever that provider would cost.
            price = price_of(document) if provider == "demo" else Price()
            return Binding(name, demo.PROVIDER, "demo", DemoChatModel(), params, *abilities_of(document), price)
        if not options.has_openai:
            raise NodeError(
                "unavailable",
                f"model '{name}' needs an OpenAI key and none is set",
                help="set OPENAI_API_KEY",
                can_pass=False,
            )
        model = document.get("model") or options.openai_model
        client = load_openai().openai_model(
            model,
            api_key=options.openai_api_key,
            base_url=options.openai_base_url,
            timeout=options.timeout,
            clients=options.clients,
        )
        return Binding(name, OPENAI, model, client, params, *abilities_of(document), price_of(document))


def _wait_before_retry(error: Exception) -> bool | float:
    """Whether to ask again after this failure, and after how many seconds."""
    if not isinstance(error, NodeError) or error.kind != "rate_limit":
        return False
    wait = error.details.get("retry_after")
    return wait <= LONGEST_WAIT and wait if isinstance(wait, float) else True


def _require_able(binding: Binding, ability: Ability, what: str) -> None:
    if ability == "none":
        raise NodeError(
            "refused",
            f"model '{binding.name}' cannot {what}",
            help="correct the capabilities in its model/v1 document, or use another model",
            can_pass=False,
        )


def _options(binding: Binding, request: ModelRequest) -> dict[str, Any]:
    params = with_params(binding.params, request.params)
    if not request.tools:
        params.pop("parallel_tool_calls", None)  # providers refuse it without any tools
    if binding.provider == OPENAI:
        options: dict[str, Any] = load_openai().openai_options(
            params, request.schema, request.tools, request.tool_choice
        )
        return options
    known: dict[str, Any] = {key: params[key] for key in _DEMO_PARAMS if key in params}
    if request.schema is not None:
        known["response_format"] = {"type": "json_schema", "json_schema": {"schema": request.schema}}
    if request.tools:
        known["tools"] = [function_of(tool) for tool in request.tools]
        known["tool_choice"] = request.tool_choice
    return known
