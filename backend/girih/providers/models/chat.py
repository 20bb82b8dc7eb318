"""Chat models by logical name: resolves names, tries the fallbacks, retries what is worth it, and streams."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any, cast

import stamina
from langchain_core.messages import AIMessageChunk

from girih.errors import NodeError
from girih.language.nodes.accepting import with_params
from girih.language.nodes.fallbacks import declared, in_order
from girih.language.nodes.ports import ModelEvent, ModelRequest, Models
from girih.language.spec.tree import JsonObject
from girih.providers.models import demo
from girih.providers.models.answers import answer_events
from girih.providers.models.binding import OPENAI, Binding, abilities_of, lacking
from girih.providers.models.demo import DemoChatModel
from girih.providers.models.envelope import enveloped, prompted
from girih.providers.models.faults import as_node_error
from girih.providers.models.messages import as_langchain, function_of
from girih.providers.models.options import ModelOptions as ModelOptions
from girih.providers.models.standing import Standing, key_of, standing_of

BUILT_IN: Mapping[str, JsonObject] = {"default": {"provider": "default"}, "demo": {"provider": "demo"}}
"""The models every server has."""

_PASSING = frozenset({"rate_limit", "timeout", "unavailable"})
"""Failures after which the next model of a chain is tried."""

LONGEST_WAIT = 10.0
"""Seconds; a model whose provider asks for a longer wait is not asked again here."""

_DEMO_PARAMS = ("script", "tokens", "delay_ms")


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
        self._fallbacks = declared(self._documents)
        self._standings: dict[str, Standing] = {}
        self._bindings: dict[str, tuple[str, Binding]] = {}
        """Each with the key that it sends."""
        self._is_loaded = not options.has_openai and not any("at" in one for one in documents.values())

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """Stream one answer.

        Retries and fallbacks happen only before the first event; afterwards a fault is final. A model is asked again
        at most once, and only after a rate limit that is soon over: whatever else may pass is the business of the
        node's `retry`, so that the two never multiply. The next model (of `first_of`, or a model's own fallback) is
        asked after a failure that says nothing about the request (rate limit, time-out, no connection), if it can do
        what is asked for.
        """
        if not self._is_loaded:
            # Mostly it was loaded when the process began. Where not, other runs go on meanwhile.
            await asyncio.to_thread(load_openai)
            self._is_loaded = True
        failure = NodeError("unavailable", "no model is named", help="name one under use:", can_pass=False)
        for place, name in enumerate(in_order(request.models, self._fallbacks)):
            try:
                binding = await self._binding(name)
                if place and lacking(binding, request):
                    continue
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
        if (what := lacking(binding, request)) is not None:
            raise NodeError(
                "refused",
                f"model '{binding.name}' cannot {what}",
                help="correct the capabilities in its model/v1 document, or use another model",
                can_pass=False,
            )
        if request.tools and binding.tools == "prompted":
            asked = partial(self._asked, binding)
            return enveloped(request, asked, constrained=binding.structured_output == "native")
        if request.schema is not None:
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

    async def _binding(self, name: str) -> Binding:
        """The model of that name with the key of now. Raises `NodeError`."""
        document = self._documents.get(name)
        if document is None:
            raise NodeError(
                "unavailable",
                f"model '{name}' does not exist",
                help=f"apply a model/v1 document named '{name}'",
                can_pass=False,
            )
        if name not in self._standings:
            self._standings[name] = standing_of(name, document, self._options)
        standing = self._standings[name]
        key = await key_of(name, standing, self._options)
        known = self._bindings.get(name)
        if known is None or known[0] != key:
            known = self._bindings[name] = key, self._bind(name, document, standing, key)
        return known[1]

    def _bind(self, name: str, document: JsonObject, standing: Standing, key: str) -> Binding:
        params, abilities = document.get("params") or {}, abilities_of(document)
        if standing.provider == demo.PROVIDER:
            return Binding(name, standing.provider, standing.model, DemoChatModel(), params, *abilities, standing.price)
        options = self._options
        # What the operator set up is asked through clients of its own, wherever a binding does not lead elsewhere.
        clients = options.clients
        if options.connections is not None and "at" in document:
            clients = options.connections.to(standing.base_url, is_operators=standing.is_operators)
        client = load_openai().openai_model(
            standing.model, api_key=key, base_url=standing.base_url, timeout=options.timeout, clients=clients
        )
        return Binding(name, OPENAI, standing.model, client, params, *abilities, standing.price)


def _wait_before_retry(error: Exception) -> bool | float:
    """Whether to ask again after this failure, and after how many seconds."""
    if not isinstance(error, NodeError) or error.kind != "rate_limit":
        return False
    wait = error.details.get("retry_after")
    return wait <= LONGEST_WAIT and wait if isinstance(wait, float) else True


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
