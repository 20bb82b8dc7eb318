"""What chat completions and responses let an app set in the same words: sampling, limits, whom it is for."""

from __future__ import annotations

from dataclasses import dataclass

from girih.api.compat.openai.fields import Fields, wrong
from girih.errors import InvalidInput
from girih.language.spec.tree import JsonObject

OWN = "girih.openai"
"""What this door keeps of a request under a run's metadata."""
MOST_METADATA = 16
LONGEST_NAME, LONGEST_VALUE = 64, 512
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")
_PENALTY = 2.0


@dataclass(frozen=True)
class Common:
    """What both kinds of request say about a run."""

    params: JsonObject
    user: str | None
    metadata: JsonObject


def read_common(fields: Fields) -> Common:
    """The options that both kinds of request have."""
    params: JsonObject = {
        "temperature": fields.number("temperature", 0, 2),
        "top_p": fields.number("top_p", 0, 1),
        "presence_penalty": fields.number("presence_penalty", -_PENALTY, _PENALTY),
        "frequency_penalty": fields.number("frequency_penalty", -_PENALTY, _PENALTY),
    }
    if fields.flag("parallel_tool_calls") is False:
        params["parallel_tool_calls"] = False
    fields.neutral("logprobs", False)
    fields.neutral("top_logprobs", 0)
    fields.neutral("service_tier", "default", "auto")
    for name in ("safety_identifier", "prompt_cache_key", "prompt_cache_retention"):
        fields.neutral(name)
    user = fields.text("user", longest=200)
    return Common(given(params), user, read_metadata(fields))


def read_metadata(fields: Fields) -> JsonObject:
    """The app's own pairs of text."""
    inner = fields.inner("metadata")
    if inner is None:
        return {}
    pairs = fields.take("metadata")
    assert isinstance(pairs, dict)  # noqa: S101 - it was read as an object just now
    if len(pairs) > MOST_METADATA:
        raise wrong("metadata", f"holds at most {MOST_METADATA} pairs")
    for name in pairs:
        if len(name) > LONGEST_NAME or name == OWN:
            raise wrong(inner.at(name[:LONGEST_NAME]), f"is no name of at most {LONGEST_NAME} characters to be used")
        if inner.text(name, longest=LONGEST_VALUE) is None:
            raise wrong(inner.at(name), "must be text", "invalid_type")
    return pairs


def read_reasoning(fields: Fields) -> tuple[JsonObject, JsonObject]:
    """The effort as a setting of models, and `reasoning` as a response shows it.

    `summary: auto` asks for the best summary there is. girih's models give none, so it is taken, and there is none.
    """
    inner = fields.inner("reasoning")
    if inner is None:
        return {}, {"effort": None, "summary": None}
    effort = inner.chosen("effort", *EFFORTS)
    summary = inner.chosen("summary", "auto")
    inner.neutral("generate_summary")
    inner.end()
    return given({"reasoning_effort": effort}), {"effort": effort, "summary": summary}


def read_stream(fields: Fields, *options: str) -> tuple[bool, JsonObject]:
    """Whether the answer is streamed, and the stream's options of these names."""
    is_streamed = bool(fields.flag("stream"))
    inner = fields.inner("stream_options")
    if inner is None:
        return is_streamed, {}
    if not is_streamed:
        raise wrong("stream_options", "this goes with `stream: true`")
    read = {name: inner.flag(name) for name in options}
    inner.neutral("include_obfuscation", False)
    inner.end()
    return is_streamed, read


def given(values: JsonObject) -> JsonObject:
    """Those that are not `None`."""
    return {name: value for name, value in values.items() if value is not None}


def no_such_model(model: str, fault: InvalidInput | None = None) -> str:
    """What is said of a model that is not there, in OpenAI's words."""
    return f"the model `{model[:200]}` does not exist" + (f": {fault.message}" if fault else "")
