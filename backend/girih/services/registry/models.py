"""Models as operators see them: what answers under each name here, binding names to something else, and trying them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Forbidden, InvalidInput, NodeError, NotFound
from girih.language.nodes.fallbacks import circle_from, declared
from girih.language.nodes.ports import Models
from girih.language.spec.logical_models import Capabilities, ModelBinding, PriceList
from girih.language.spec.suggest import hint
from girih.language.spec.tree import JsonObject
from girih.providers.credentials import Destination
from girih.providers.models.chat import BUILT_IN, load_openai
from girih.providers.models.options import ModelOptions
from girih.providers.models.standing import base_url_of, origin_of, standing_of
from girih.services.audit.service import record
from girih.services.registry import binding_repository
from girih.services.registry.effective import AT, ModelRevision, says, stands_for
from girih.services.registry.model_schemas import AnswersOut, BindingOut, ModelOut, ModelTestOut
from girih.services.registry.service import RegistryService
from girih.services.registry.tables import BindingRevision
from girih.services.registry.trying import Trying
from girih.services.secrets.bound import require_for

Ask: TypeAlias = Callable[[OrgScope, Mapping[str, JsonObject]], Models]
"""The models of a project, each call of them held against its budgets and counted."""
Tell: TypeAlias = Callable[[OrgScope, str, JsonObject, str], Awaitable[object]]
"""Publishes a domain event: whose, its type, its data, and the key under which it is published once."""

DEMO = "demo"
_SECRETS = "secrets:write"


class ModelService:
    """Says what models come to on this server, and binds them. `options` are what the operator has set."""

    def __init__(self, uow: UnitOfWork, registry: RegistryService, options: ModelOptions, ask: Ask, tell: Tell) -> None:
        self._uow = uow
        self._registry = registry
        self._options = options
        self._ask = ask
        self._tell = tell

    async def models(self, scope: OrgScope) -> list[ModelOut]:
        """Every model of the project and every built-in one, by name."""
        async with self._uow(scope) as work:
            found = await self._found(work)
            rows = await binding_repository.current(work, scope)
            digests = await self._registry.digests(work, "model/v1")
        return [
            self._out(name, document, rows.get(name), stands_for(digests.get(name), rows.get(name)), digests)
            for name, document in found.items()
        ]

    async def page(self, scope: OrgScope, *, cursor: str | None, limit: int) -> tuple[list[ModelOut], str | None]:
        """As `models`: those behind the name that is the cursor, and the cursor of the next page."""
        behind = [model for model in await self.models(scope) if cursor is None or model.name > cursor]
        return behind[:limit], behind[limit - 1].name if len(behind) > limit else None

    async def model(self, scope: OrgScope, name: str) -> ModelOut:
        """One model. Raises `NotFound`."""
        models = {model.name: model for model in await self.models(scope)}
        if name not in models:
            raise _unknown(name, models)
        return models[name]

    async def binding(self, scope: OrgScope, name: str) -> BindingOut:
        """What a model is bound to now. Raises `NotFound` where it is bound to nothing."""
        revisions = await self.revisions(scope, name)
        if not revisions or revisions[0].binding is None:
            raise NotFound(f"model `{name[:64]}` is not bound", help="it answers as its document says")
        return revisions[0]

    async def revisions(self, scope: OrgScope, name: str) -> list[BindingOut]:
        """All that a model was bound to, the newest first. Raises `NotFound` for a model nobody knows."""
        async with self._uow(scope) as work:
            found = await self._found(work)
            rows = await binding_repository.revisions(work, scope, name) if "\0" not in name else []
        if not rows and name not in found:
            raise _unknown(name, found)
        return [_binding(row, is_current=place == 0) for place, row in enumerate(rows)]

    async def bind(self, scope: OrgScope, name: str, binding: ModelBinding) -> BindingOut:
        """Bind a model from now on. Doing it twice makes one revision.

        Raises `InvalidInput` for what can never answer, and `Forbidden` for a key that is for other hosts, or was
        bound for others only, unless the caller may write secrets.
        """
        if name == DEMO:
            raise InvalidInput("`demo` is always the demo model", help="bind another name, such as `default`")
        written = {key: value for key, value in binding.model_dump(mode="json").items() if value is not None}
        origin = self._origin(written)
        async with self._uow(scope) as work:
            await binding_repository.lock(work, scope)
            if origin is not None:
                await _require_may_send(work, scope, written["secret"], origin)
                await require_for(work, written["secret"], Destination(origin, is_chosen=True))
            _require_sound(name, written, await self._found(work))
            known = (await binding_repository.current(work, scope)).get(name)
            if known is not None and (known.binding, known.origin) == (written, origin):
                return _binding(known, is_current=True)
            row = await binding_repository.add(work, scope, name, written, origin)
            await record(work, "model.bound", f"model:{name}", revision=row.revision, binding=written, origin=origin)
        await self._told(scope, "model.bound", row)
        return _binding(row, is_current=True)

    async def unbind(self, scope: OrgScope, name: str) -> None:
        """Let a model answer as its document says. Raises `NotFound` where it is bound to nothing."""
        async with self._uow(scope) as work:
            await binding_repository.lock(work, scope)
            known = (await binding_repository.current(work, scope)).get(name)
            if known is None or known.binding is None:
                raise NotFound(f"model `{name[:64]}` is not bound", help="it answers as its document says")
            row = await binding_repository.add(work, scope, name, None, None)
            await record(work, "model.unbound", f"model:{name}", revision=row.revision)
        await self._told(scope, "model.unbound", row)

    async def test(self, scope: OrgScope, name: str) -> ModelTestOut:
        """Try a model alone, by tiny calls that are counted as usage. Raises `NotFound`."""
        async with self._uow(scope) as work:
            found = await self._found(work)
        if name not in found:
            raise _unknown(name, found)
        alone = {**found, name: {**found[name], "fallbacks": []}}
        if found[name].get("provider") == "openai":  # else the first try of a process would measure this
            await asyncio.to_thread(load_openai)
        capabilities = Capabilities.model_validate(found[name].get("capabilities") or {})
        return await Trying(name, self._ask(scope, alone), capabilities).all()

    async def _found(self, work: Work) -> dict[str, JsonObject]:
        return dict(sorted({**BUILT_IN, **await self._registry.effective(work)}.items()))

    def _origin(self, binding: JsonObject) -> str | None:
        """What the key is bound for; `None` where no key goes. Raises `InvalidInput` for an address of no use."""
        if binding["provider"] == DEMO:
            return None
        try:
            base_url = base_url_of(binding, self._options, "the binding")
        except NodeError as fault:
            raise InvalidInput(fault.message, help=fault.help) from fault
        return origin_of(base_url) if "secret" in binding else None

    def _out(
        self,
        name: str,
        document: JsonObject,
        row: BindingRevision | None,
        stands: ModelRevision,
        digests: Mapping[str, str],
    ) -> ModelOut:
        is_bound, price = row is not None and row.binding is not None, document.get("price")
        is_declared = name in digests or name in BUILT_IN
        return ModelOut(
            name=name,
            title=document.get("title"),
            description=document.get("description"),
            answers=self._answers(
                name, document, "binding" if is_bound else "document" if name in digests else "server"
            ),
            params=document.get("params") or {},
            capabilities=Capabilities.model_validate(document.get("capabilities") or {}),
            price=PriceList.model_validate(price) if price else None,
            context_tokens=document.get("context_tokens"),
            fallbacks=document.get("fallbacks") or [],
            is_declared=is_declared,
            revision=stands.revision,
            digest=stands.digest,
        )

    def _answers(self, name: str, document: JsonObject, said_by: str) -> AnswersOut:
        place: JsonObject = document.get(AT) or {}
        told: JsonObject = {"said_by": said_by, "secret": place.get("secret"), "base_url": None}
        try:
            standing = standing_of(name, document, self._options)
        except NodeError as fault:
            nobody = {"provider": None, "model": None, "problem": fault.message, "help": fault.help}
            return AnswersOut.model_validate(told | nobody)
        if "url" in place or "endpoint" in place:
            told["base_url"] = standing.base_url
        return AnswersOut.model_validate(told | {"provider": standing.provider, "model": standing.model})

    async def _told(self, scope: OrgScope, type: str, row: BindingRevision) -> None:
        binding = row.binding or {}
        data = {
            "model": row.name,
            "revision": row.revision,
            "provider": binding.get("provider"),
            "answers": binding.get("model"),
            "by": row.created_by,
        }
        await self._tell(scope, type, data, f"model:{row.name}:{row.revision}")


async def _require_may_send(work: Work, scope: OrgScope, secret: str, origin: str) -> None:
    """Who may only bind models sends a key nowhere that it does not go already."""
    if _SECRETS in scope.permissions or await binding_repository.is_known_at(work, scope, secret, origin):
        return
    raise Forbidden(
        f"`{secret}` has not been bound for {origin} before, and this key lacks the permission {_SECRETS}",
        help=f"let somebody with {_SECRETS} bind it once",
    )


def _require_sound(name: str, binding: JsonObject, found: Mapping[str, JsonObject]) -> None:
    """Raise `InvalidInput` for a binding that names no model, fallbacks that nobody knows, or goes in a circle."""
    over = {**found.get(name, {}), **says(binding)}
    after = {**found, name: over}
    is_elsewhere = "url" in binding or "endpoint" in binding
    if is_elsewhere and not over.get("model"):
        raise InvalidInput(f"nothing says which model of the provider `{name}` is", help="name it: `model`")
    for other in binding.get("fallbacks") or ():
        if other not in after:
            raise InvalidInput(f"fallback '{other}': no such model", help=hint(other, after, otherwise="models"))
    circle = circle_from(name, declared(after))
    if circle is not None:
        raise InvalidInput(
            f"models would stand in for each other in a circle: {' → '.join(circle)}", help="take a fallback out"
        )


def _binding(row: BindingRevision, *, is_current: bool) -> BindingOut:
    return BindingOut(
        name=row.name,
        revision=row.revision,
        is_current=is_current,
        binding=row.binding,
        origin=row.origin,
        created_at=row.created_at,
        created_by=row.created_by,
    )


def _unknown(name: str, known: Mapping[str, object]) -> NotFound:
    return NotFound(f"there is no model `{name[:64]}`", help=hint(name, known, otherwise="models"))
