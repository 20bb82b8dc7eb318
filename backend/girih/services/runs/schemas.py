"""What doors see of runs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from girih.language.spec.durations import LONGEST_DURATION
from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.runs.chat_schemas import ChatMessage, ClientIn
from girih.services.shelf.schemas import Notice

RunStatus = Literal["queued", "running", "interrupted", "succeeded", "failed", "cancelled", "expired"]

ENDED: frozenset[str] = frozenset({"succeeded", "failed", "cancelled", "expired"})
"""The states a run never leaves."""


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("only printable characters are taken here")
    return text


Printable = Annotated[str, AfterValidator(_printable)]


def _nodes(value: object) -> object:
    return ["*"] if value == "*" else value


Nodes = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=500), BeforeValidator(_nodes)
]
"""Names of nodes of the agent's own graph; `*` stands for all of them."""

OnCompletion = Literal["keep", "delete"]

Multitask = Literal["reject", "enqueue", "interrupt", "rollback"]
"""What a new run does where another one is on its thread: is refused, waits in line, stops it and keeps what it did to
the thread so far, or stops it and drops that."""


MOST_STEPS = 100_000
"""No graph may take more."""


class RunIn(BaseModel):
    """What to run, and on what."""

    model_config = ConfigDict(extra="forbid")

    agent: Annotated[str, Field(min_length=1, max_length=300)]
    """`name`, `name@alias`, `name@1.2.0`, `name@^1` (or another range) or `name@sha256:…`."""
    inputs: JsonObject = Field(default_factory=dict)
    metadata: JsonObject = Field(default_factory=dict)
    """The caller's own data, given back as it is."""
    background: bool = False
    """Leave the run to a worker, and do not begin it in the process that was asked."""
    user: Annotated[Printable | None, Field(min_length=1, max_length=200)] = None
    """Whom the run is for, as the app names its users; expressions see it as `run.user`."""
    tags: Annotated[list[Annotated[Printable, Field(min_length=1, max_length=64)]], Field(max_length=20)] = []
    """Words to find the run by."""
    sticky_key: Annotated[Printable | None, Field(min_length=1, max_length=200)] = None
    """Where the alias shares its traffic out among versions, the same key gets the same version; on a thread that is
    the thread's, and without a key the user's."""
    ttl: Annotated[float | None, Field(gt=0, le=LONGEST_DURATION)] = None
    """Seconds after which a run that waits, for its turn or for an answer, ends as `expired`."""
    thread_id: UUID | None = None
    """The thread whose `state:` the run begins with, and leaves to the next one when it ends well."""
    multitask: Multitask = "reject"
    """What to do where a run is on that thread already."""
    messages: Annotated[list[ChatMessage] | None, Field(min_length=1, max_length=1000)] = None
    """For an agent with `chat:`: what was said that the thread does not hold yet; the last one by the user is the
    question, unless `inputs` holds one."""
    client: ClientIn | None = None
    """What the app gives the models: tools, a format, settings, instructions."""
    after_seconds: Annotated[float | None, Field(gt=0, le=LONGEST_DURATION)] = None
    """Seconds for which the run waits in the queue before it may begin."""
    webhook: Annotated[Printable | None, Field(min_length=1, max_length=2000)] = None
    """The URL that is told when the run waits for something and when it has ended."""
    interrupt_before: Nodes = []
    """Nodes before which the run waits until it is resumed, at each visit."""
    interrupt_after: Nodes = []
    """Nodes after which the run waits until it is resumed, at each visit."""
    on_completion: OnCompletion = "keep"
    """Whether the run is removed, with all that was recorded of it, a minute after it has ended."""
    max_steps: Annotated[int | None, Field(ge=1, le=MOST_STEPS)] = None
    """Node executions after which each graph of the run fails, where that is fewer than its `limits.steps`."""


class StreamIn(RunIn):
    """What to run and follow."""

    on_disconnect: Literal["continue", "cancel"] = "continue"
    """What becomes of the run when the client leaves before its end."""


class ModelUsage(BaseModel):
    """What a run's calls of one model used; `errors` are the calls that failed or were cut off."""

    calls: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0


class RunUsage(BaseModel):
    """Tokens of all model calls of the run, over all attempts."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    """What that costs by the models' prices."""
    models: dict[str, ModelUsage] = {}
    """The same by model, as the provider names it; written when the run waits or ends."""


class RunOut(BaseModel):
    """A run as it stands. `version` is the published version's number, `digest` its plan's."""

    id: str
    agent: str
    version: str
    digest: str
    status: RunStatus
    inputs: JsonObject
    outputs: JsonObject | None = None
    error: JsonObject | None = None
    """`kind`, `message`, `node` and `help` of what made the run fail."""
    usage: RunUsage = RunUsage()
    metadata: JsonObject = Field(default_factory=dict)
    background: bool = False
    user: str | None = None
    tags: list[str] = []
    thread_id: str | None = None
    source_run_id: str | None = None
    """The run it continues, from a checkpoint of that one."""
    expires_at: datetime | None = None
    """When it ends as `expired` if it still waits then."""
    not_before: datetime | None = None
    """When it may begin, where it was asked for with `after_seconds`."""
    interrupt_before: list[str] = []
    interrupt_after: list[str] = []
    webhook: str | None = None
    """The origin of the URL that is told of the run; the rest of the URL may be a secret."""
    on_completion: OnCompletion = "keep"
    max_steps: int | None = None
    """The steps that each graph of the run may take, where fewer were asked for than the graph allows."""
    attempt: int = 0
    """How many times the run was taken up; above 1 after a wait, a crash or a hand-over."""
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    notice: Notice | None = None
    """That its version is deprecated or yanked, in the answer to the request that began it."""

    @property
    def is_settled(self) -> bool:
        """Whether it does nothing until somebody else does something: it has ended, or waits."""
        return self.status in ENDED or self.status == "interrupted"


class RunPage(BaseModel):
    """Runs, the newest first; `next` is the cursor of the next page, `None` on the last one."""

    items: list[RunOut]
    next: str | None = None


PauseKind = Literal["ask", "approve", "timer", "event", "tool", "breakpoint"]


class InterruptOut(BaseModel):
    """Something a run waits for. `schema` is the form of the answer, `details` holds choices, or a tool's arguments."""

    id: str
    run_id: str
    agent: str
    kind: PauseKind
    node: str
    message: str
    form: JsonObject = Field(alias="schema")
    details: JsonObject
    state: Literal["open", "answered", "timed_out", "dropped"]
    opened_at: datetime
    expires_at: datetime | None = None
    answer: JsonValue = None
    answered_by: str | None = None
    answered_at: datetime | None = None

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class InterruptPage(BaseModel):
    """What is open, the oldest first; `next` is the cursor of the next page, `None` on the last one."""

    items: list[InterruptOut]
    next: str | None = None


class ResumeIn(BaseModel):
    """Answers by the ids of what is open, or the one answer where one question is open.

    With neither the run goes on from the breakpoints where it stopped.
    """

    model_config = ConfigDict(extra="forbid")

    answers: Annotated[dict[str, JsonValue] | None, Field(min_length=1, max_length=200)] = None
    answer: JsonValue = None
    max_steps: Annotated[int | None, Field(ge=1, le=MOST_STEPS)] = None
    """Another bound for the steps that each graph of the run may take, those before among them."""


class AnswerIn(BaseModel):
    """The answer to one question, as its `schema` wants it."""

    model_config = ConfigDict(extra="forbid")

    answer: JsonValue
