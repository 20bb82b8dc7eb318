"""How a run fails: what a node's exception becomes, and how it travels through LangGraph unchanged."""

from __future__ import annotations

import logging
import uuid

from girih.errors import InvalidInput, LeaseLost, NodeError, RunErrorKind, Unavailable
from girih.language.expressions.cel import ExpressionError
from girih.language.expressions.templates import PromptError
from girih.language.spec.tree import JsonObject

logger = logging.getLogger(__name__)


class NodeFailedError(Exception):
    """A node failed, and with it the run. `node` is the path to the node where it happened."""

    def __init__(self, kind: RunErrorKind, message: str, *, node: str, help: str | None = None) -> None:
        super().__init__(message)
        self.kind: RunErrorKind = kind
        self.message = message
        self.node = node
        self.help = help

    def as_dict(self) -> JsonObject:
        """The error as `Outcome` and the events show it."""
        return {"kind": self.kind, "message": self.message, "node": self.node, "help": self.help}


class InterruptedRunError(Exception):
    """Something that is no node's fault (a lost lease, a database that is away) stopped the run; it can be resumed."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


def failure_of(error: Exception, node: str) -> NodeFailedError:
    """The failure a node's exception stands for. Raises `InterruptedRunError` for what is not the node's.

    What nobody foresaw is `internal`: the log has it under an id, the message has only that id.
    """
    if isinstance(error, NodeFailedError):
        return error
    if isinstance(error, InterruptedRunError | LeaseLost):
        raise error if isinstance(error, InterruptedRunError) else InterruptedRunError(error)
    if isinstance(error, NodeError):
        return NodeFailedError(error.kind, error.message, node=node, help=error.help)
    if isinstance(error, ExpressionError | PromptError):
        return NodeFailedError("invalid_output", f"a value cannot be computed: {error}", node=node)
    if isinstance(error, InvalidInput):
        return NodeFailedError("invalid_output", error.message, node=node, help=error.help)
    if isinstance(error, Unavailable):
        return NodeFailedError("unavailable", error.message, node=node, help=error.help)
    if isinstance(error, TimeoutError):
        return NodeFailedError("timeout", "the node did not finish in time", node=node)
    fault = uuid.uuid4().hex[:12]
    logger.error("node %s failed, fault %s", node, fault, exc_info=error)
    way_out = f"ask the operator; the server's log has it under {fault}"
    return NodeFailedError("internal", f"an internal fault ({fault})", node=node, help=way_out)
