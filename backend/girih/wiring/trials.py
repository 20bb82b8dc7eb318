"""What the tests of graphs reach on this machine: models, tools and a sandbox, and nothing that is kept."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from girih.engine.trials.trial import Surroundings
from girih.errors import NodeError, NotFound
from girih.language.compiler.plan import Plan
from girih.language.nodes.ports import Hit, Models, SearchRequest, Tools
from girih.language.spec.tree import JsonObject
from girih.providers.fakes.cache import InProcessCache
from girih.providers.fakes.events import RecordedEvents
from girih.providers.fakes.memory import InProcessMemory
from girih.providers.models.cassettes import Cassette, Hiding, PlayedModels, RecordingModels
from girih.providers.models.chat import make_models
from girih.providers.pii.scanner import PiiScanner
from girih.providers.sandbox.monty import MontySandbox
from girih.settings import Settings
from girih.wiring.environment import provider_of, read_settings
from girih.wiring.models import options_of
from girih.wiring.secrets import operators_secret
from girih.wiring.tools import Toolbox

_SECRET_NAMES = ("KEY", "SECRET", "TOKEN", "PASSWORD")


class NoKnowledge:
    """There are no collections where nothing is kept."""

    async def search(self, request: SearchRequest, models: Models) -> list[Hit]:
        """Always fails, with the way out."""
        del models
        raise NodeError(
            "unavailable",
            f"a test reaches no documents, and this node searches '{request.collection}'",
            help="give the node a result under mock:, such as { hits: [] }",
            can_pass=False,
        )


@dataclass(frozen=True)
class TrialWorld:
    """What tests share: the models and tools of one workspace, and the plans of its graphs."""

    models: Models
    tools: Tools
    sandbox: MontySandbox
    plans: Mapping[str, Plan]
    hiding: Hiding

    def around(self, *, record: Cassette | None = None, play: Cassette | None = None) -> Surroundings:
        """The surroundings of one test, with a memory and a cache of its own."""
        models: Models = self.models
        if play is not None:
            models = PlayedModels(play, self.hiding)
        elif record is not None:
            models = RecordingModels(models, record, self.hiding)
        return Surroundings(
            models=models,
            retriever=NoKnowledge(),
            tools=self.tools,
            memory=InProcessMemory(),
            sandbox=self.sandbox,
            scanner=PiiScanner(),
            events=RecordedEvents(),
            cache=InProcessCache(),
            plans=self._plan,
        )

    async def _plan(self, digest: str) -> Plan:
        for plan in self.plans.values():
            if plan.digest == digest:
                return plan
        raise NotFound(f"the workspace has no graph with the digest {digest}")


@asynccontextmanager
async def open_trials(models: Mapping[str, JsonObject], plans: Mapping[str, Plan]) -> AsyncIterator[TrialWorld]:
    """The world of a workspace's tests; `models` are its `model/v1` documents by name."""
    settings = read_settings()
    async with AsyncExitStack() as stack:
        provider = provider_of(settings)
        if provider is not None:
            stack.push_async_callback(provider.aclose)
        sandbox = MontySandbox()
        stack.push_async_callback(sandbox.close)
        options = options_of(settings, provider)
        tools = Toolbox(stack, settings).alone(operators_secret)
        yield TrialWorld(make_models(models, options), tools, sandbox, plans, Hiding(_secrets(settings)))


def _secrets(settings: Settings) -> Iterable[str]:
    """Everything in the environment that is named like a secret."""
    yield settings.openai_api_key.get_secret_value()
    for name, value in os.environ.items():
        if any(word in name.upper() for word in _SECRET_NAMES):
            yield value
