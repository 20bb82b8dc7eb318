"""A response as it is asked for: every option of OpenAI's, taken or refused by its name."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from girih.api.compat.openai.chat_messages import Said, check_order
from girih.api.compat.openai.fields import Fields, wrong
from girih.api.compat.openai.input_items import read_input
from girih.api.compat.openai.options import Common, given, read_common, read_reasoning, read_stream
from girih.api.compat.openai.response_ids import ResponseId, read_response_id
from girih.api.compat.openai.tools import read_choice, read_response_format, read_response_tools
from girih.errors import InvalidInput
from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.runs.chat_schemas import ClientIn

ENCRYPTED = "reasoning.encrypted_content"
"""What may be included: it belongs to items of reasoning, and an answer of girih has none."""


@dataclass(frozen=True)
class ResponseRequest:
    """What is asked for. `echo` are the options as the response shows them, `named` those that were sent."""

    model: str
    said: Said
    client: ClientIn
    common: Common
    inputs: JsonObject
    echo: JsonObject
    named: Collection[str]
    stream: bool
    background: bool
    store: bool
    previous: ResponseId | None = None
    conversation: UUID | None = None

    @property
    def is_continued(self) -> bool:
        """Whether the input stands behind what a thread holds."""
        return self.previous is not None or self.conversation is not None


def read_response(body: JsonValue) -> ResponseRequest:
    """The request. Raises `InvalidInput` with the name of what cannot be accepted."""
    fields = Fields(body)
    model, instructions = fields.name("model", longest=300), fields.text("instructions")
    said = read_input(fields, instructions)
    common = read_common(fields)
    client, echo = _client(fields, said, common)
    previous, conversation = _places(fields)
    stream, _ = read_stream(fields)
    background, store = bool(fields.flag("background")), fields.flag("store") is not False
    if background and not store:
        raise wrong("background", "a response that is not stored could never be asked for")
    inner = fields.inner("inputs")
    inputs = fields.take("inputs") if inner is not None else {}
    _refuse(fields)
    check_order(said.messages, "input", is_continued=previous is not None or conversation is not None)
    echo |= {
        "instructions": instructions,
        "background": background,
        "store": store,
        "previous_response_id": str(previous) if previous else None,
        "conversation": {"id": str(conversation)} if conversation else None,
    }
    named = frozenset(name for name, value in dict(body or {}).items() if value is not None)
    return ResponseRequest(
        model,
        said,
        client,
        common,
        dict(inputs or {}),
        echo,
        named,
        stream,
        background,
        store,
        previous,
        conversation,
    )


def _client(fields: Fields, said: Said, common: Common) -> tuple[ClientIn, JsonObject]:
    """What models are given, and the same as the response shows it."""
    tools = read_response_tools(fields)
    choice = read_choice(fields, tools)
    effort, reasoning = read_reasoning(fields)
    form, verbosity, text = _text(fields)
    most = fields.whole("max_output_tokens", 1)
    params = common.params | given({"max_tokens": most, "verbosity": verbosity}) | effort
    echo: JsonObject = {
        "tools": [{"type": "function", "strict": True} | tool.model_dump() for tool in tools],
        "tool_choice": _chosen(choice),
        "text": text,
        "reasoning": reasoning,
        "max_output_tokens": most,
        "parallel_tool_calls": common.params.get("parallel_tool_calls", True),
    }
    echo |= {name: common.params.get(name, neutral) for name, neutral in _SAMPLING.items()}
    client = ClientIn(tools=tools, tool_choice=choice, params=params, format=form, instructions=said.instructions)
    return client, echo


_SAMPLING: JsonObject = {"temperature": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0}
DEFAULTS: JsonObject = {
    "instructions": None,
    "tools": [],
    "tool_choice": "auto",
    "text": {"format": {"type": "text"}},
    "reasoning": {"effort": None, "summary": None},
    "max_output_tokens": None,
    "parallel_tool_calls": True,
    "background": False,
    "store": True,
    "previous_response_id": None,
    "conversation": None,
    **_SAMPLING,
}
"""The options of a run that came through another door."""


def _text(fields: Fields) -> tuple[JsonObject | None, str | None, JsonObject]:
    """The schema of the answer, how many words it makes, and both as the response shows them."""
    inner = fields.inner("text")
    if inner is None:
        return None, None, {"format": {"type": "text"}}
    shown: JsonValue = inner.take("format")
    form = read_response_format(inner.inner("format"))
    verbosity = inner.chosen("verbosity", "low", "medium", "high")
    inner.end()
    if isinstance(shown, dict) and shown.get("type") == "json_schema":
        shown = {"description": None, "strict": True} | shown
    return form, verbosity, given({"format": shown or {"type": "text"}, "verbosity": verbosity})


def _places(fields: Fields) -> tuple[ResponseId | None, UUID | None]:
    text = fields.text("previous_response_id")
    previous = read_response_id(text) if text else None
    if text and previous is None:
        raise no_previous(text)
    conversation = fields.take("conversation")
    if isinstance(conversation, dict):
        inner = Fields(conversation, "conversation")
        conversation = inner.name("id")
        inner.end()
    if conversation is None:
        return previous, None
    if previous is not None:
        raise wrong("conversation", "send either this or `previous_response_id`")
    try:
        return None, UUID(str(conversation).removeprefix("conv_"))
    except ValueError:
        raise wrong("conversation", "is not the id of a thread") from None


def no_previous(text: str) -> InvalidInput:
    """A response to go on with that is not there, or not the caller's."""
    message = f"Previous response with id '{text[:100]}' not found."
    return InvalidInput(message, param="previous_response_id", code="previous_response_not_found")


def _refuse(fields: Fields) -> None:
    fields.neutral("truncation", "disabled")
    for path, name in fields.listed("include") or []:
        if name != ENCRYPTED:
            raise wrong(path, f"'{str(name)[:60]}' is not supported", "unsupported_parameter")
    for name in ("max_tool_calls", "prompt", "context_management", "moderation"):
        fields.neutral(name)
    fields.end()


def _chosen(choice: str | None) -> JsonValue:
    if choice is None or choice in ("auto", "none", "required"):
        return choice or "auto"
    return {"type": "function", "name": choice}
