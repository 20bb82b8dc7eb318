"""Where people may sign in besides here: the providers of the operator's file, and the apps they are sent back to."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from girih.errors import InvalidInput
from girih.providers.oidc.issuers import LARGEST, Issuer, Issuers
from girih.providers.oidc.provider import TENANT, Provider, Registration
from girih.providers.outbound import OutboundClient
from girih.settings import Settings
from girih.wiring.environment import origins_of, web_endpoints_of

Word = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^\S+$")]
ProviderName = Annotated[str, Field(pattern="^[a-z][a-z0-9-]{0,39}$")]


class _Entry(BaseModel):
    """One provider of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: Word
    client_id: Word
    title: str = ""
    client_secret_env: Word | None = None
    scopes: tuple[Word, ...] = ("openid", "email", "profile")
    email_domains: tuple[Word, ...] = ()
    emails_verified: bool = False
    described_at: Word | None = None
    tenants: tuple[Word, ...] = ()


_FILE = TypeAdapter(dict[ProviderName, _Entry])


def make_providers(stack: AsyncExitStack, settings: Settings) -> dict[str, Provider]:
    """The providers of `GIRIH_OIDC_FILE`. Raises `InvalidInput`, which names the provider and what is wrong."""
    if settings.oidc_file is None:
        return {}
    if not settings.public_url:
        raise InvalidInput("GIRIH_OIDC_FILE needs GIRIH_PUBLIC_URL", help="say where people reach this server")
    found = [_registration(name, entry, settings) for name, entry in _read(settings.oidc_file).items()]
    origins = {_origin(address) for one in found for address in (one.issuer.name, one.issuer.described_at) if address}
    client = OutboundClient([*origins, *web_endpoints_of(settings)], max_bytes=LARGEST)
    stack.push_async_callback(client.aclose)
    issuers, base = Issuers(client), settings.public_url.rstrip("/")
    return {one.name: Provider(one, client, issuers, f"{base}/v1/auth/oidc/{one.name}/callback") for one in found}


def make_issuers(stack: AsyncExitStack, settings: Settings) -> Issuers:
    """What projects' issuers are asked through: those inside only where the operator lists them as endpoints."""
    client = OutboundClient(web_endpoints_of(settings), max_bytes=LARGEST)
    stack.push_async_callback(client.aclose)
    return Issuers(client)


def return_origins_of(settings: Settings) -> tuple[str, ...]:
    """The origins that people are sent back to. Raises `InvalidInput`."""
    if not settings.sign_in_origins:
        return origins_of(settings)
    try:
        return origins_of(settings.model_copy(update={"cors_origins": settings.sign_in_origins}))
    except InvalidInput as fault:
        told = fault.message.replace("GIRIH_CORS_ORIGINS", "GIRIH_SIGN_IN_ORIGINS")
        raise InvalidInput(told, help=fault.help) from None


def _read(path: Path) -> Mapping[str, _Entry]:
    try:
        found: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return _FILE.validate_python(found)
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"GIRIH_OIDC_FILE is not usable: {where or 'the file'}: {first['msg']}") from None
    except (OSError, ValueError, yaml.YAMLError):
        raise InvalidInput("GIRIH_OIDC_FILE is no YAML file that can be read", help="give the path of one") from None


def _registration(name: str, entry: _Entry, settings: Settings) -> Registration:
    variable = entry.client_secret_env
    secret = os.environ.get(variable, "") if variable else ""
    fault = _fault(entry, is_http_allowed=not settings.production)
    if variable and not secret:
        fault = f"the variable {variable} of its client secret is not set"
    if fault:
        raise InvalidInput(f"GIRIH_OIDC_FILE: `{name}`: {fault}", help="see docs/howto/sign-in-elsewhere.md")
    return Registration(
        name=name,
        title=entry.title or name,
        issuer=Issuer(entry.issuer, entry.described_at or ""),
        client_id=entry.client_id,
        client_secret=secret,
        scopes=entry.scopes,
        email_domains=tuple(domain.lower() for domain in entry.email_domains),
        emails_verified=entry.emails_verified,
        tenants=entry.tenants,
    )


def _fault(entry: _Entry, *, is_http_allowed: bool) -> str | None:
    if not all(_is_address(one, is_http_allowed) for one in (entry.issuer, entry.described_at) if one is not None):
        return "its addresses begin with https:// and have neither a query nor a login"
    if (TENANT in entry.issuer) != bool(entry.tenants) or (entry.tenants and not entry.described_at):
        return f"an issuer with {TENANT} in it, `tenants` and `described_at` go together"
    return None if "openid" in entry.scopes else "`openid` is missing in its scopes"


def _is_address(address: str, is_http_allowed: bool) -> bool:
    parts = urlsplit(address)
    schemes: Iterable[str] = ("https", "http") if is_http_allowed else ("https",)
    return parts.scheme in schemes and bool(parts.hostname) and not (parts.query or parts.fragment or parts.username)


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
