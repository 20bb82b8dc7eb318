"""What clients of the LangGraph server protocol send to start or resume a run, each option by its name there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from girih.errors import InvalidInput
from girih.language.spec.durations import LONGEST_DURATION
from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.feedback.schemas import MOST_KEYS, FeedbackKey
from girih.services.runs.schemas import MOST_STEPS, Multitask, Nodes

StreamMode = Literal[
    "values",
    "messages",
    "messages-tuple",
    "updates",
    "events",
    "tasks",
    "checkpoints",
    "debug",
    "custom",
    "tools",
]


def _listed(value: object) -> object:
    if value is None:
        return ["values"]
    return [value] if isinstance(value, str) else value


StreamModes = Annotated[list[StreamMode], BeforeValidator(_listed), Field(min_length=1, max_length=20)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CommandIn(_Strict):
    """What to do with a thread besides giving it an input."""

    resume: JsonValue = None
    update: JsonValue = None
    goto: JsonValue = None


class CheckpointIn(_Strict):
    """A state of a thread to begin with."""

    thread_id: UUID | None = None
    checkpoint_ns: str | None = None
    checkpoint_id: str | None = None
    checkpoint_map: JsonObject | None = None


class ConfigIn(_Strict):
    """How the run is carried out."""

    tags: list[str] = []
    metadata: JsonObject | None = None
    recursion_limit: Annotated[int | None, Field(ge=1)] = None
    configurable: JsonObject | None = None


class RunBody(_Strict):
    """A run to start, or to resume with a `command`."""

    assistant_id: Annotated[str, Field(min_length=1, max_length=300)]
    input: JsonValue = None
    command: CommandIn | None = None
    config: ConfigIn | None = None
    context: JsonObject | None = None
    metadata: JsonObject | None = None
    stream_mode: StreamModes = ["values"]
    stream_subgraphs: bool | None = None
    stream_resumable: bool | None = None
    interrupt_before: Nodes | None = None
    interrupt_after: Nodes | None = None
    feedback_keys: Annotated[list[FeedbackKey] | None, Field(max_length=MOST_KEYS)] = None
    webhook: str | None = None
    checkpoint: CheckpointIn | None = None
    checkpoint_id: str | None = None
    checkpoint_during: bool | None = None
    multitask_strategy: Multitask | None = None
    if_not_exists: Literal["create", "reject"] | None = None
    on_disconnect: Literal["cancel", "continue"] | None = None
    on_completion: Literal["delete", "keep"] | None = None
    after_seconds: Annotated[float | None, Field(ge=0, le=LONGEST_DURATION)] = None
    durability: Literal["sync", "async", "exit"] | None = None
    strict_resume: bool | None = None
    langsmith_tracer: JsonObject | None = None

    @property
    def configurable(self) -> JsonObject:
        """What stands under `config.configurable`."""
        return (self.config.configurable if self.config is not None else None) or {}

    @property
    def all_metadata(self) -> JsonObject:
        """The run's metadata, from both places where they may stand."""
        return ((self.config.metadata if self.config is not None else None) or {}) | (self.metadata or {})

    @property
    def max_steps(self) -> int | None:
        """The most steps that it may take."""
        limit = self.config.recursion_limit if self.config is not None else None
        return min(limit, MOST_STEPS) if limit is not None else None

    @property
    def is_resume(self) -> bool:
        """Whether it answers what the thread's run waits for."""
        return self.command is not None and "resume" in self.command.model_fields_set

    @property
    def is_update(self) -> bool:
        """Whether it writes to the thread's state before its run."""
        return self.command is not None and bool(self.command.update)

    @property
    def is_new(self) -> bool:
        """Whether it starts a run with an input of its own, from where the thread is now."""
        goes_on = self.is_resume or self.is_end or self.checkpoint_named is not None
        return self.input is not None and not goes_on

    @property
    def checkpoint_named(self) -> str | None:
        """The id of the state to begin with."""
        if self.checkpoint_id or self.checkpoint is not None:
            return self.checkpoint_id or (self.checkpoint.checkpoint_id if self.checkpoint is not None else None)
        named = self.configurable.get("checkpoint_id")
        return str(named) if named else None

    @property
    def is_end(self) -> bool:
        """Whether it ends the thread's run instead of answering it."""
        return self.command is not None and self.command.goto in END


GOES_ON: tuple[StreamMode, ...] = ("values", "messages-tuple", "updates", "custom", "tools")
"""What interfaces show, for one that goes on with a stream and does not name its modes again."""
END = ("__end__", ["__end__"])
"""Where a command may send a run: nowhere else."""

_KNOWN = frozenset({"thread_id", "assistant_id", "graph_id", "run_id", "user_id", "checkpoint_id", "checkpoint_ns"})
"""What clients and servers of that project note under `configurable` by themselves.

Which run, assistant and graph it is says the server, there as here: notes of these come along from the graph around it.
"""


def check(body: RunBody, thread_id: UUID | None) -> None:
    """Raise `InvalidInput`, with its name, for an option that cannot be served; nothing is dropped without a word."""
    refused: list[tuple[str, Any, str]] = [
        ("langsmith_tracer", body.langsmith_tracer, "runs are traced with OpenTelemetry, as the operator sets it up"),
        ("durability: exit", body.durability == "exit", "every step is durable here; send sync or async"),
        ("checkpoint_during: false", body.checkpoint_during is False, "every step is durable here"),
        (
            "command.goto",
            body.command and body.command.goto and not body.is_end,
            f"where a run goes is what its graph says, and a state does not tell how another node would have been "
            f"reached; it can be ended ({END[0]}), or begun at an earlier `checkpoint`",
        ),
        (
            "command.update",
            body.is_update and (body.is_resume or body.is_end),
            "a run that waits has its state for itself: answer it, or write when it has ended",
        ),
        ("strict_resume: false", body.strict_resume is False, "an answer that nothing waits for is always refused"),
        (
            "on_completion: delete",
            body.on_completion == "delete" and thread_id is not None,
            "it is for runs without a thread: delete the thread when it is not needed any more",
        ),
    ]
    _refuse(refused)
    if body.command is not None and body.input:
        raise InvalidInput("`input` and `command` cannot come together", param="input")
    _check_config(body, thread_id)
    _check_checkpoint(body, thread_id)


def check_unheard(body: RunBody) -> None:
    """Raise `InvalidInput` for what is for streams, where nobody is told anything but that the run was accepted."""
    check_unsaid(body)
    _refuse([("on_disconnect: cancel", body.on_disconnect == "cancel", "nobody is connected: stream the run, or wait")])


def check_unsaid(body: RunBody) -> None:
    """Raise `InvalidInput` for what only streams say, where the answer is none."""
    _refuse([("feedback_keys", body.feedback_keys, "its URLs are told by streams: stream the run, or join its stream")])


def check_again(body: RunBody) -> None:
    """Raise `InvalidInput` for what only a new run can be given, where one that is there goes on."""
    instead = "the run is there already: give it where the run is started"
    _refuse(
        [
            ("webhook", body.webhook, instead),
            ("context", body.context, instead),
            ("after_seconds", body.after_seconds, instead),
            ("interrupt_before", body.interrupt_before, instead),
            ("interrupt_after", body.interrupt_after, instead),
            ("config.configurable.user_id", body.configurable.get("user_id"), instead),
        ]
    )


def _refuse(refused: Iterable[tuple[str, object, str]]) -> None:
    for name, given, instead in refused:
        if given:
            raise InvalidInput(f"`{name}` is not served", help=instead, param=name)


def _check_config(body: RunBody, thread_id: UUID | None) -> None:
    given = body.configurable
    for name, value in given.items():
        if name in _KNOWN or name.startswith(("__pregel_", "langgraph_")) or value is None:
            continue
        raise InvalidInput(
            f"`config.configurable.{name}` is not served: agents here are configured by their specs",
            help="give what the agent needs as an input",
            param=f"config.configurable.{name}",
        )
    if given.get("checkpoint_ns"):
        raise InvalidInput(
            "a run begins with a state of the whole graph: leave `config.configurable.checkpoint_ns` empty"
        )
    if given.get("thread_id") not in (None, str(thread_id)):
        raise InvalidInput("`config.configurable.thread_id` names another thread than the address does")


def _check_checkpoint(body: RunBody, thread_id: UUID | None) -> None:
    point = body.checkpoint
    if point is not None and point.thread_id not in (None, thread_id):
        raise InvalidInput("`checkpoint.thread_id` names another thread than the address does")
    if point is not None and (point.checkpoint_ns or point.checkpoint_map):
        raise InvalidInput("a run begins with a state of the whole graph: leave `checkpoint_ns` empty")
    if body.checkpoint_named is not None and thread_id is None:
        raise InvalidInput("`checkpoint_id` is a state of a thread: name the thread")
