"""W603 to W605: what is written and certainly never used."""

from __future__ import annotations

from collections.abc import Iterator

from girih.language.compiler.checks.cover import covers
from girih.language.compiler.unit import Unit
from girih.language.expressions.templates import PromptError, template_variables
from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.tree import Path


def check(unit: Unit) -> Iterator[Diagnostic]:
    """Name what nothing uses, where every node could be read: else it might be what could not be."""
    if any(not node.sound or not node.is_routed for node in unit.graph.nodes.values()) or unit.tree.damage:
        return
    yield from _aliases(unit)
    yield from _variables(unit)
    yield from _rules(unit)


def _warn(unit: Unit, code: str, message: str, path: Path, help: str) -> Diagnostic:
    return Diagnostic(code, message, unit.place(path), help=help, severity="warning")


def _aliases(unit: Unit) -> Iterator[Diagnostic]:
    used = {use.alias for node in unit.sound_nodes for use in unit.kinds[node.verb].uses(node.config)}
    if used - unit.graph.head.use.keys():
        return  # a name that is missing there may be one that is not used here, misspelt
    for alias in unit.graph.head.use:
        if alias not in used and alias not in unit.resolved.faulty:
            message = f"nothing uses '{alias}'"
            yield _warn(unit, "W603", message, ("use", alias, "[key]"), "delete it, or name it in a node")


def _variables(unit: Unit) -> Iterator[Diagnostic]:
    for node in unit.sound_nodes:
        for file in unit.kinds[node.verb].files(node.config):
            where = unit.prompts.get(file.file)
            if where is None or file.noun != "prompt file":
                continue
            try:
                used = {variable.name for variable in template_variables(unit.files[where])}
            except PromptError:
                continue
            for name in file.passed if used <= set(file.passed) else ():
                if name not in used:
                    path = ("nodes", node.name, *file.path[:-1], "with", name, "[key]")
                    message = f"the prompt never uses '{name}'"
                    yield _warn(unit, "W604", message, path, f"use {{{{ {name} }}}} in {file.file}, or do not pass it")


def _rules(unit: Unit) -> Iterator[Diagnostic]:
    for node in unit.sound_nodes:
        routes = node.routes
        for i, route in enumerate(routes[1:], 1):
            before = routes[:i]
            if any(rule.condition is None and rule.max_visits is None for rule in before):
                cause = "the rule before it always applies"
            elif route.condition is None and covers(unit, node, before):
                cause = "the rules before it cover every value"
            else:
                continue
            message = f"'{route.to}' is never gone to from '{node.name}' by this rule: {cause}"
            yield _warn(unit, "W605", message, ("nodes", node.name, *route.at), "delete it, or change a rule before it")
            break
