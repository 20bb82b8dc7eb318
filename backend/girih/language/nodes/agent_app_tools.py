"""The app's own tools: the model calls them like others, and the run waits until the app has given the result."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field

from girih.language.nodes.agent_tools import fitting
from girih.language.nodes.answers import piece_of_call
from girih.language.nodes.pausing import PauseRequest
from girih.language.nodes.ports import NodeContext, ToolCall, ToolCallDelta, ToolSpec
from girih.language.spec.tree import JsonObject


@dataclass(frozen=True)
class AppTool:
    """A tool that the app executes itself."""

    spec: ToolSpec

    async def called(self, call: ToolCall, key: str, ctx: NodeContext) -> JsonObject:
        """The result as the app gave it: `arguments`, and `result` or `error`. Lets `Paused` pass.

        Arguments that do not fit are told to the model, and the app never sees them.
        """
        arguments = fitting(self.spec.parameters, call)
        if isinstance(arguments, str):
            return {"arguments": call.arguments, "error": arguments}
        request = PauseRequest(
            kind="tool",
            message=f"The model calls the app's tool '{self.spec.name}'",
            details={"tool": self.spec.name, "arguments": arguments, "call_id": call.id},
        )
        reply = await ctx.pause(key, request)
        return {"arguments": arguments, "result": reply.value, "is_said": isinstance(reply.value, str)}


@dataclass
class CallPieces:
    """The pieces of one turn's calls as they are told: those for the app under the ids of the whole calls."""

    ctx: NodeContext
    turn: int
    tools: Collection[str]
    _names: dict[int, str] = field(default_factory=dict)

    def told(self, delta: ToolCallDelta) -> JsonObject:
        """The data of one piece. The one that names the tool says whether it is the app's."""
        data = {**piece_of_call(delta), "turn": self.turn}
        if not delta.name:
            return data
        name = self._names.setdefault(delta.index, delta.name)
        data["tool"] = name
        return (
            {**data, "app": True, "call_id": call_id(self.ctx, self.turn, delta.index)} if name in self.tools else data
        )


def call_id(ctx: NodeContext, turn: int, index: int) -> str:
    """The id of a call of an app's tool: the same whenever the run comes back to it, and the run is named in it.

    It is known with the first piece of the call. `call_`, the run's id as 32 hexadecimal digits, `_` and 8 digits that
    tell the run's calls apart.
    """
    number = hashlib.sha256(f"{ctx.attempt_key}:{turn}.{index}".encode()).hexdigest()[:8]
    return f"call_{ctx.run_id.replace('-', '')}_{number}"
