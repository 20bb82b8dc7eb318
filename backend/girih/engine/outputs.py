"""What a graph gives at its end: each output from the first of its values that the run has."""

from __future__ import annotations

from girih.engine.context import Frame
from girih.engine.failures import NodeFailedError
from girih.engine.sight import Sight, State
from girih.language.compiler.plan import Plan
from girih.language.expressions.cel import ExpressionError
from girih.language.expressions.values import evaluate, references
from girih.language.spec.tree import JsonObject


class Outputs:
    """The outputs of one plan; it keeps nothing of a run."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        read = {name for output in plan.results.values() for value in output.values for name in references(value)}
        self.nodes = sorted(read & {node.name for node in plan.nodes})
        """The nodes that they come from."""
        self._sight = Sight(plan, sorted(read))

    def of(self, values: State, frame: Frame) -> JsonObject:
        """The outputs; one that is optional and has no value is left out. Raises `NodeFailedError`."""
        plan, data = self._plan, self._sight.of(values, frame)
        outputs: JsonObject = {}
        for name, output in plan.results.items():
            for value in output.values:
                try:
                    outputs[name] = evaluate(value, data)
                    break
                except ExpressionError:
                    continue
        missing = [name for name in plan.outputs.get("required", ()) if name not in outputs]
        if missing:
            message = f"output '{missing[0]}' has no value: no node that it comes from has run"
            at = frame.path.rstrip("/")
            raise NodeFailedError("invalid_output", message, node=at, help="name a fallback under from:")
        return outputs
