"""A chat completion as it is asked for: every option of OpenAI's, taken or refused by its name."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from girih.api.compat.openai.chat_messages import Said, read_messages
from girih.api.compat.openai.fields import Fields, wrong
from girih.api.compat.openai.options import EFFORTS, Common, given, read_common, read_reasoning, read_stream
from girih.api.compat.openai.tools import read_chat_format, read_chat_tools, read_choice
from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.runs.chat_schemas import ClientIn

_MOST_STOPS = 4


@dataclass(frozen=True)
class ChatRequest:
    """What is asked for. `inputs` are those of the agent beside the message (an extension of this door)."""

    model: str
    said: Said
    client: ClientIn
    common: Common
    inputs: JsonObject
    stream: bool
    with_usage: bool
    thread_id: UUID | None = None


def read_chat(body: JsonValue, thread: str | None) -> ChatRequest:
    """The request. Raises `InvalidInput` with the name of what cannot be accepted."""
    fields = Fields(body)
    model = fields.name("model", longest=300)
    thread_id = read_thread(thread)
    said = read_messages(fields, is_continued=thread_id is not None)
    common = read_common(fields)
    tools = read_chat_tools(fields)
    client = ClientIn(
        tools=tools,
        tool_choice=read_choice(fields, tools),
        params=common.params | _params(fields),
        format=read_chat_format(fields),
        instructions=said.instructions,
    )
    stream, options = read_stream(fields, "include_usage")
    inputs = fields.inner("inputs")
    _refuse(fields)
    asked = fields.take("inputs") if inputs is not None else {}
    return ChatRequest(
        model, said, client, common, dict(asked or {}), stream, bool(options.get("include_usage")), thread_id
    )


def read_thread(text: str | None) -> UUID | None:
    """The thread that a header names."""
    try:
        return UUID(text) if text else None
    except ValueError:
        raise wrong("x-girih-thread", "is not the id of a thread") from None


def _params(fields: Fields) -> JsonObject:
    """Sampling settings that only chat completions have."""
    most = fields.whole("max_tokens", 1)
    newer = fields.whole("max_completion_tokens", 1)
    if most is not None and newer is not None and most != newer:
        raise wrong("max_tokens", "send either this or `max_completion_tokens`")
    effort, _ = read_reasoning(fields)
    if (word := fields.chosen("reasoning_effort", *EFFORTS)) is not None:
        effort = {"reasoning_effort": word}
    verbosity = fields.chosen("verbosity", "low", "medium", "high")
    settings = {
        "verbosity": verbosity,
        "max_tokens": most or newer,
        "stop": _stop(fields),
        "seed": fields.whole("seed", -(2**63)),
    }
    return given(settings) | effort


def _stop(fields: Fields) -> list[str] | None:
    value = fields.take("stop")
    if value is None:
        return None
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(word, str) and word for word in words):
        raise wrong("stop", "must be text, or a list of texts", "invalid_type")
    if len(words) > _MOST_STOPS:
        raise wrong("stop", f"holds at most {_MOST_STOPS} texts", "array_above_max_length")
    return [str(word) for word in words] or None


def _refuse(fields: Fields) -> None:
    fields.neutral("n", 1)
    fields.neutral("logit_bias", {})
    fields.neutral("modalities", ["text"])
    fields.flag("store")  # a run is kept as long as the project keeps its runs, either way
    for name in ("audio", "prediction", "web_search_options", "functions", "function_call", "moderation"):
        fields.neutral(name)
    fields.end()
