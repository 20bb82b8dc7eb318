"""What tests reach on a server when something is published: doubles and a sandbox; no network, nothing is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version

from girih.engine.trials.trial import Surroundings, run_trial
from girih.errors import NodeError
from girih.language.compiler.plan import Plan
from girih.language.nodes.ports import ModelEvent, ModelRequest, Models
from girih.language.nodes.registry import kinds
from girih.language.spec.tree import JsonObject, JsonValue
from girih.providers.fakes.cache import InProcessCache
from girih.providers.fakes.events import RecordedEvents
from girih.providers.fakes.memory import InProcessMemory
from girih.providers.models.cassettes import Cassette, CassetteError, Hiding, PlayedModels
from girih.providers.models.chat import BUILT_IN, ModelOptions, make_models
from girih.providers.pii.scanner import PiiScanner
from girih.providers.sandbox.monty import MontySandbox
from girih.services.agents.trial_reports import Trial, Tried
from girih.settings import Settings
from girih.wiring.trials import NoKnowledge

_DEMO = "demo"
_DEFAULT = "default"


class NoServices:
    """Tools that are not called: a test at publishing has no effects."""

    async def call(
        self,
        contract: JsonObject,
        arguments: JsonObject,
        *,
        timeout: float,  # noqa: ASYNC109 - the port's signature
        idempotency_key: str,
    ) -> JsonValue:
        """Always fails, with the way out."""
        del arguments, timeout, idempotency_key
        raise NodeError(
            "unavailable",
            f"a test calls no service when something is published, and this node calls '{contract['name']}'",
            help="give the node a result under mock:",
            can_pass=False,
        )


class DemoOnly:
    """The demo model, where a name means it here; every other model is not asked."""

    def __init__(self, documents: Mapping[str, JsonObject], *, default_is_demo: bool) -> None:
        demo = {_DEMO, _DEFAULT} if default_is_demo else {_DEMO}
        known = {**BUILT_IN, **documents}
        self._here = {name for name, document in known.items() if document.get("provider") in demo}
        # Without a key and an address there is nothing else that could answer.
        self._models = make_models({name: {**known[name], "provider": _DEMO} for name in self._here}, ModelOptions())

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """Stream one answer. Raises `NodeError` for a model that would be asked elsewhere."""
        others = [name for name in request.models if name not in self._here]
        if others:
            raise NodeError(
                "unavailable",
                f"a test asks no provider when something is published, and this node asks the model '{others[0]}'",
                help="record its answers (girih test --record), or give the node a result under mock:",
                can_pass=False,
            )
        async for event in self._models.stream(request):
            yield event


@dataclass(frozen=True)
class ServerBench:
    """Runs tests with the engine, each in surroundings of its own."""

    models: Models
    sandbox: MontySandbox
    plans: Callable[[str], Awaitable[Plan]]

    async def run(self, trial: Trial) -> Tried:
        """See `Bench`."""
        try:
            models = (
                PlayedModels(Cassette.read(trial.cassette), Hiding()) if trial.cassette is not None else self.models
            )
        except CassetteError as fault:
            return Tried((f"its cassette cannot be used: {fault}",), 0.0)
        report = await run_trial(kinds(), trial.plan, trial.test, self._around(models))
        lacks = report.error is not None and report.error["kind"] == "unavailable"
        return Tried(report.misses, report.seconds, lacks=lacks and not report.passed)

    def _around(self, models: Models) -> Surroundings:
        return Surroundings(
            models=models,
            retriever=NoKnowledge(),
            tools=NoServices(),
            memory=InProcessMemory(),
            sandbox=self.sandbox,
            scanner=PiiScanner(),
            events=RecordedEvents(),
            cache=InProcessCache(),
            plans=self.plans,
        )


class ServerTrials:
    """See `Trials`: of a server whose settings say whether `model://default` is the demo model."""

    def __init__(self, settings: Settings) -> None:
        self.seconds = settings.gate_seconds
        self.version = version("girih")
        self._default_is_demo = not (settings.openai_api_key.get_secret_value() or settings.openai_base_url)

    @asynccontextmanager
    async def opened(
        self, models: Mapping[str, JsonObject], plans: Callable[[str], Awaitable[Plan]]
    ) -> AsyncIterator[ServerBench]:
        """See `Trials`."""
        async with AsyncExitStack() as stack:
            sandbox = MontySandbox(processes=2)
            stack.push_async_callback(sandbox.close)
            yield ServerBench(DemoOnly(models, default_is_demo=self._default_is_demo), sandbox, plans)
