"""The checks of the compiler, in the order they are listed in the docs."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from girih.language.compiler.checks import (
    code,
    conflicts,
    cover,
    cycles,
    data,
    exits,
    forks,
    graph_tests,
    models,
    outputs,
    policies,
    prompts,
    reach,
    replays,
    secret_data,
    targets,
    unused,
    uses,
)
from girih.language.compiler.unit import Unit
from girih.language.spec.diagnostics import Diagnostic

Check = Callable[[Unit], Iterable[Diagnostic]]

CHECKS: tuple[Check, ...] = (
    targets.check,
    reach.check,
    exits.check,
    cover.check,
    cycles.check,
    forks.check,
    policies.check,
    conflicts.check,
    data.check,
    outputs.check,
    prompts.check,
    uses.check,
    graph_tests.check,
    models.check,
    secret_data.check,
    replays.check,
    unused.check,
    code.check,
)
"""Every rule. Each sees the whole graph and says all that it finds; none relies on another."""
