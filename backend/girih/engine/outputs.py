"""What a graph gives at its end: each output from the first of its values that the run has."""

from __future__ import annotations

from girih.engine.context import Frame
from girih.engine.failures import NodeFailedError
from girih.engine.sight import Sight, State
from girih.language.compiler.plan import Plan
from girih.language.expressions.cel import ExpressionError
from girih.language.expressions.values import evaluate, references
from girih.language.spec.tree import JsonObject


def read_by_results(plan: Plan) -> list[str]:
    """The nodes that the outputs come from."""
    return sorted(_read(plan) & {node.name for node in plan.nodes})


def outputs_of(plan: Plan, values: State, frame: Frame) -> JsonObject:
    """The outputs; one that is optional and has no value is left out. Raises `NodeFailedError`."""
    data = Sight(plan, sorted(_read(plan))).of(values, frame)
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
        raise NodeFailedError(
            "invalid_output", message, node=frame.path.rstrip("/"), help="name a fallback under from:"
        )
    return outputs


def _read(plan: Plan) -> set[str]:
    return {name for output in plan.results.values() for value in output.values for name in references(value)}
