"""Starting the run of a request, and saying what it was refused for in the request's own words."""

from __future__ import annotations

from collections.abc import Mapping

from girih.api.compat.openai.options import no_such_model
from girih.db.tenancy import OrgScope
from girih.errors import InvalidInput, NotFound
from girih.services.runs.schemas import RunIn, RunOut
from girih.wiring.server import Girih


async def start(girih: Girih, scope: OrgScope, body: RunIn, key: str | None, names: Mapping[str, str]) -> RunOut:
    """Start the run. `names` tell where the request has what a run calls `format` and `instructions`.

    Raises `NotFound` for an agent that is not there, `InvalidInput` for one that cannot be spoken to, or does not
    accept a part of the request.
    """
    try:
        return await girih.runs.create(scope, body, key)
    except NotFound:
        await require_chat(girih, scope, body.agent)
        raise
    except InvalidInput as fault:
        await require_chat(girih, scope, body.agent)
        place = fault.details.get("param")
        if isinstance(place, str) and place.startswith("client."):
            fault.details["param"] = _renamed(place.removeprefix("client."), body, names)
        raise


async def require_chat(girih: Girih, scope: OrgScope, model: str) -> None:
    """Raise unless there is an agent of that name which can be spoken to."""
    try:
        found = await girih.agents.resolve(scope, model)
    except (NotFound, InvalidInput) as fault:
        raise NotFound(no_such_model(model), help=fault.help, param="model", code="model_not_found") from None
    if found.plan.chat is None:
        raise NotFound(
            f"{no_such_model(model)}: there is an agent of that name, but nobody can speak to it",
            help="give its graph a `chat:` with an input and an output",
            param="model",
            code="model_not_found",
        )


def _renamed(place: str, body: RunIn, names: Mapping[str, str]) -> str:
    if place == "params":
        return next(iter(body.client.params), place) if body.client is not None else place
    return names.get(place, place.removeprefix("params."))
