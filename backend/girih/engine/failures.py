"""How a run fails: what a node's exception becomes, and how it travels through LangGraph unchanged."""

from __future__ import annotations

import logging
import uuid

from girih.engine.serializer import NotReadableError
from girih.errors import DatabaseUnavailable, InvalidInput, LeaseLost, NodeError, RunErrorKind, Unavailable
from girih.language.expressions.cel import ExpressionError
from girih.language.expressions.templates import PromptError
from girih.language.spec.tree import JsonObject

logger = logging.getLogger(__name__)

_KINDS: dict[type[Exception], RunErrorKind] = {
    InvalidInput: "invalid_output",
    Unavailable: "unavailable",
    NotReadableError: "internal",
}
"""How a node has failed that met one of these; only what is unavailable may be there the next time."""


class NodeFailedError(NodeError):
    """A node failed for good. `node` is the path to the node where it happened."""

    def __init__(
        self,
        kind: RunErrorKind,
        message: str,
        *,
        node: str,
        help: str | None = None,
        can_pass: bool = True,
        **details: object,
    ) -> None:
        super().__init__(kind, message, help=help, can_pass=can_pass, **details)
        self.node = node

    def as_dict(self) -> JsonObject:
        """The error as `Outcome` and the events show it."""
        return {"kind": self.kind, "message": self.message, "node": self.node, "help": self.help}


class InterruptedRunError(Exception):
    """Something that is no node's fault (a lost lease, a database that is away) stopped the run; it can be resumed."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


def over_budget(message: str, node: str, help: str | None = None) -> NodeFailedError:
    """A limit that was met: trying again meets it again."""
    return NodeFailedError("budget", message, node=node, help=help, can_pass=False)


def failure_of(error: Exception, node: str) -> NodeFailedError:
    """The failure a node's exception stands for. Raises `InterruptedRunError` for what is not the node's.

    What nobody foresaw is `internal`: the log has it under an id, the message has only that id.
    """
    if isinstance(error, NodeFailedError):
        return error
    if isinstance(error, InterruptedRunError | LeaseLost | DatabaseUnavailable):
        raise error if isinstance(error, InterruptedRunError) else InterruptedRunError(error)
    if isinstance(error, NodeError):
        return NodeFailedError(
            error.kind, error.message, node=node, help=error.help, can_pass=error.can_pass, **error.details
        )
    if isinstance(error, ExpressionError | PromptError):
        return NodeFailedError("invalid_output", f"a value cannot be computed: {error}", node=node, can_pass=False)
    if isinstance(error, InvalidInput | Unavailable | NotReadableError):
        kind = next(kind for kind_of, kind in _KINDS.items() if isinstance(error, kind_of))
        can_pass = kind == "unavailable"
        return NodeFailedError(kind, error.message, node=node, help=error.help, can_pass=can_pass)
    if isinstance(error, TimeoutError):
        return NodeFailedError("timeout", "the node did not finish in time", node=node)
    fault = uuid.uuid4().hex[:12]
    logger.error("node %s failed, fault %s", node, fault, exc_info=error)
    way_out = f"ask the operator; the server's log has it under {fault}"
    return NodeFailedError("internal", f"an internal fault ({fault})", node=node, help=way_out)
