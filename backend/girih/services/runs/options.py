"""What a caller asks of one run besides its inputs: when it begins, where it stops, whom it tells, whether it stays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from girih.engine.breakpoints import ALL, NO_BREAKPOINTS, Breakpoints
from girih.errors import InvalidInput
from girih.language.compiler.plan import Plan
from girih.language.spec.suggest import did_you_mean
from girih.language.spec.tree import JsonObject
from girih.services.runs.plain import dump
from girih.services.runs.schemas import OnCompletion, RunIn

CheckUrl: TypeAlias = Callable[[str], None]
"""Raises `InvalidInput` for a URL that this server does not post to, as far as that is known without a look-up."""


def unchecked(url: str) -> None:
    """Take any URL."""
    del url


@dataclass(frozen=True)
class Options:
    """The options of a run, as its row keeps them."""

    not_before: datetime | None = None
    breakpoints: Breakpoints = NO_BREAKPOINTS
    webhook: str | None = None
    on_completion: OnCompletion = "keep"
    max_steps: int | None = None

    @classmethod
    def of(cls, body: RunIn, plan: Plan, now: datetime, check: CheckUrl) -> Options:
        """What the request asks for. Raises `InvalidInput` for what cannot be done for a run of that plan."""
        if body.after_seconds is not None and body.ttl is not None and body.ttl <= body.after_seconds:
            raise InvalidInput(
                f"the run would expire after {body.ttl:g} s, before it may begin after {body.after_seconds:g} s",
                help="choose a `ttl` above `after_seconds`; both count from now",
            )
        if body.webhook is not None:
            check(body.webhook)
        before, after = (_known(given, name, plan) for name, given in _named(body))
        return cls(
            not_before=now + timedelta(seconds=body.after_seconds) if body.after_seconds is not None else None,
            breakpoints=Breakpoints(before, after),
            webhook=body.webhook,
            on_completion=body.on_completion,
            max_steps=body.max_steps,
        )

    @property
    def is_any(self) -> bool:
        """Whether anything was asked for."""
        return self != NOTHING

    def text(self) -> str:
        """As `open_run_with_options` takes it."""
        return dump(
            {
                "not_before": self.not_before.isoformat() if self.not_before is not None else None,
                "breakpoints": columns(self.breakpoints),
                "webhook": self.webhook,
                "on_completion": self.on_completion,
                "max_steps": self.max_steps,
            }
        )


NOTHING = Options()


def columns(breakpoints: Breakpoints) -> JsonObject | None:
    """Breakpoints as a run's row keeps them."""
    if not breakpoints.is_any:
        return None
    return {"before": sorted(breakpoints.before), "after": sorted(breakpoints.after)}


def breakpoints_of(stored: JsonObject | None) -> Breakpoints:
    """What a run's row holds."""
    if stored is None:
        return NO_BREAKPOINTS
    return Breakpoints(frozenset(stored["before"]), frozenset(stored["after"]))


def _named(body: RunIn) -> Sequence[tuple[str, Sequence[str]]]:
    return (("interrupt_before", body.interrupt_before), ("interrupt_after", body.interrupt_after))


def _known(given: Sequence[str], option: str, plan: Plan) -> frozenset[str]:
    names = {node.name for node in plan.nodes}
    for name in given:
        if name != ALL and name not in names:
            near = did_you_mean(name, names)
            raise InvalidInput(
                f"`{option}` names '{name}', which is no node of agent '{plan.name}'",
                help=f"did you mean '{near}'?" if near else f"its nodes are: {', '.join(sorted(names))}",
                node=name,
            )
    return frozenset(given)
