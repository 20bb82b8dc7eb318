"""Who answers under a model's name: which provider, which of its models, at which address, with which key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from girih.errors import NodeError
from girih.language.spec.tree import JsonObject
from girih.providers.credentials import Destination, NotForThere
from girih.providers.models import demo
from girih.providers.models.binding import OPENAI, Price, price_of
from girih.providers.models.options import ModelOptions
from girih.providers.outbound import OPENAI_URL

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Standing:
    """Who answers. `secret` is the name of the key that goes with each call; with none, the operator's own goes only
    where `has_operators_key` says so."""

    provider: Literal["openai", "girih-demo"]
    model: str
    price: Price
    base_url: str = ""
    is_operators: bool = True
    """Whether the operator chose the address: only then may it be private."""
    has_operators_key: bool = False
    secret: str | None = None


def standing_of(name: str, document: JsonObject, options: ModelOptions) -> Standing:
    """Who answers for a document, or for one with a binding over it. Raises `NodeError` where nobody can."""
    provider = document.get("provider", "default")
    place: Mapping[str, Any] = document.get("at") or {}
    if provider == "demo" or (provider == "default" and not options.has_openai):
        # What stands in for a provider that is not set up costs nothing, whatever that provider would cost.
        return Standing(demo.PROVIDER, "demo", price_of(document) if provider == "demo" else Price())
    if not place and not options.has_openai:
        raise _never(f"model '{name}' needs an OpenAI key and none is set", "set OPENAI_API_KEY")
    base_url = base_url_of(place, options, f"model '{name}'")
    secret = str(place["secret"]).removeprefix("secret://") if "secret" in place else None
    if secret is not None and place["origin"] != origin_of(base_url):
        message = (
            f"model '{name}': its key was bound for {place['origin']}, and its address is {origin_of(base_url)} now"
        )
        raise _never(message, f"bind it again, if the key may go there: girih models bind {name}")
    return Standing(
        OPENAI,
        str(document.get("model") or options.openai_model),
        price_of(document),
        base_url,
        is_operators="url" not in place,
        has_operators_key="url" not in place and "endpoint" not in place and secret is None,
        secret=secret,
    )


def base_url_of(place: Mapping[str, Any], options: ModelOptions, who: str) -> str:
    """The address that a binding leads to. Raises `NodeError` for an endpoint that the operator has not set."""
    if "url" in place:
        return str(place["url"])
    if "endpoint" not in place:
        return options.openai_base_url or OPENAI_URL
    endpoint = place["endpoint"]
    found = options.endpoints.get(endpoint)
    if found is None or urlsplit(found).scheme not in _PORTS:
        message = f"{who} needs the endpoint '{endpoint}', which is not set to an http address on this server"
        raise _never(message, f'set GIRIH_ENDPOINTS=\'{{"{endpoint}": "https://…/v1"}}\'')
    return found


def origin_of(url: str) -> str:
    """Scheme, host and port of an address, as what a key is bound for."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}:{parts.port or _PORTS[parts.scheme]}"


async def key_of(name: str, standing: Standing, options: ModelOptions) -> str:
    """The key to send; empty where none goes with the calls. Raises `NodeError` for one that is not set."""
    if standing.secret is None:
        return options.openai_api_key if standing.has_operators_key else ""
    try:
        # Whoever bound the model to this address may write secrets, or found the key bound for it.
        value = await options.secrets(standing.secret, Destination(standing.base_url, is_chosen=True))
    except NotForThere as fault:
        raise NodeError("refused", f"model '{name}': {fault.message}", help=fault.help, can_pass=False) from fault
    if not value:
        message = f"model '{name}' needs the secret '{standing.secret}', which is not set"
        raise _never(message, f"store it in this project, or bind the model to another: girih models bind {name}")
    if not (value.isascii() and value.isprintable()):
        raise _never(f"model '{name}': the secret '{standing.secret}' cannot be sent as a key", "correct its value")
    return value


def _never(message: str, help: str) -> NodeError:
    return NodeError("unavailable", message, help=help, can_pass=False)
