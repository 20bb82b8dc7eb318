"""The environment's settings, and the refusal of those that cannot work, in words that name the variable."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from pydantic import ValidationError

from girih.db.unit_of_work import Dispatch
from girih.errors import InvalidInput
from girih.jobs import make_dispatch
from girih.providers.outbound import ProviderClients, provider_clients
from girih.settings import Settings


def read_settings() -> Settings:
    """The environment's settings. Raises `InvalidInput` that names the variable and what is wrong with it."""
    try:
        return Settings()
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False)[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        variable = name if name.startswith(("GIRIH_", "OPENAI_")) else f"GIRIH_{name}"
        raise InvalidInput(f"{variable} is not usable: {first['msg']}", help="correct or unset it") from None
    except ValueError as fault:
        # pydantic-settings' own words for a list or mapping that is not JSON name the variable, not its value.
        raise InvalidInput(f"a setting is not usable: {fault}", help="write lists and mappings as JSON") from None


def origins_of(settings: Settings) -> tuple[str, ...]:
    """The origins that browsers may call from. Raises `InvalidInput` for what is no single origin."""
    for origin in settings.cors_origins:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc or origin != f"{parts.scheme}://{parts.netloc}":
            raise InvalidInput(
                f"GIRIH_CORS_ORIGINS holds '{origin}', which is not one origin",
                help="write each as `https://app.example.com`, without path and without `*`",
            )
    return tuple(settings.cors_origins)


LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def names_of(settings: Settings) -> tuple[tuple[str, ...], bool]:
    """The hosts this server answers to (none: any), and whether it is reached over https. Raises `InvalidInput`."""
    public = urlsplit(settings.public_url)
    if settings.public_url and (public.scheme not in ("http", "https") or not public.hostname):
        raise InvalidInput("GIRIH_PUBLIC_URL is no address", help="write it as `https://girih.example.com`")
    for host in settings.allowed_hosts:
        if not re.fullmatch(r"(\*\.)?[a-z0-9][a-z0-9.-]*|\[[0-9a-f:.]+\]", host):
            raise InvalidInput(
                f"GIRIH_ALLOWED_HOSTS holds '{host}', which is no name of a host",
                help="write each in small letters and without a port, as `girih.example.com` or `*.example.com`",
            )
    own = f"[{public.hostname}]" if ":" in (public.hostname or "") else public.hostname
    given = [*([own] if own else []), *settings.allowed_hosts]
    return (tuple(dict.fromkeys([*given, *LOOPBACK])) if given else ()), public.scheme == "https"


WEB = ("http", "https")
DATABASES = ("postgresql", "postgres", "mysql", "mariadb", "mongodb", "mongodb+srv")


def endpoints_of(settings: Settings) -> dict[str, str]:
    """The addresses that tools and data stores name. Raises `InvalidInput` for one that is neither http nor a database.

    None holds a password: whoever names an endpoint may read its address in a message.
    """
    for name, url in settings.endpoints.items():
        parts = urlsplit(url)
        if parts.scheme not in (*WEB, *DATABASES) or not parts.hostname:
            raise InvalidInput(
                f"GIRIH_ENDPOINTS gives '{name}' an address that is neither http nor a database",
                help="write it as `http://host:port/base`, `postgresql://host/name`, `mysql://…` or `mongodb://…`",
            )
        if parts.scheme in DATABASES and (parts.username or parts.password):
            raise InvalidInput(
                f"GIRIH_ENDPOINTS gives '{name}' an address with a login in it",
                help="leave it out: a data store names its `user`, and its `password` as secret://NAME",
            )
    return settings.endpoints


def web_endpoints_of(settings: Settings) -> list[str]:
    """Those of the endpoints that are spoken to over HTTP. Raises as `endpoints_of` does."""
    return [url for url in endpoints_of(settings).values() if urlsplit(url).scheme in WEB]


def require_no_crash(settings: Settings) -> None:
    """Refuse a crash that was asked for outside of a test. Raises `InvalidInput`."""
    if settings.crash_at and not settings.test_build:
        raise InvalidInput(
            "GIRIH_CRASH_AT ends the process on purpose", help="unset it; only tests with GIRIH_TEST_BUILD=1 use it"
        )


ROLES = ("ingestion", "runs", "sync")


def worker_roles(settings: Settings) -> list[str]:
    """What a worker does, each once. Raises `InvalidInput` for what is no role."""
    roles = [role.strip() for role in settings.worker_roles.split(",") if role.strip()]
    unknown = [role for role in roles if role not in ROLES]
    if unknown or not roles:
        raise InvalidInput(
            f"GIRIH_WORKER_ROLES names '{unknown[0] if unknown else ''}', which is no role",
            help=f"write one or more of {', '.join(ROLES)}, separated by commas",
        )
    return list(dict.fromkeys(roles))


def dispatch_of(settings: Settings) -> Dispatch:
    """Rings for jobs at the broker, if one is set."""
    return make_dispatch(settings.redis_url) if settings.redis_url else _unheard


def provider_of(settings: Settings) -> ProviderClients | None:
    """What a provider is asked through; `None` when none is set (a local one needs an address only)."""
    if not (settings.openai_api_key.get_secret_value() or settings.openai_base_url):
        return None
    return provider_clients(settings.openai_base_url)


def _unheard(job: str, job_id: str) -> None:
    """Without a broker nothing rings: the worker finds the rows by itself, a little later."""
    del job, job_id
