"""What real use needs of the settings: a server in production names all that is missing at once, and does not start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias
from urllib.parse import unquote, urlsplit

from girih.errors import InvalidInput
from girih.providers.keys.reading import read_key
from girih.settings import Settings

Process: TypeAlias = Literal["api", "worker", "dev"]
Fault: TypeAlias = str | None
"""What is wrong, as the rest of a sentence that begins with the variable. It never repeats a value."""

SERVERS: tuple[Process, ...] = ("api", "worker")
LEAST = 16
"""Characters of a password that nobody guesses, if they are random."""
_VARIED = 6
"""Different characters that a random text of that length has at least."""
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1", ""})
_MAKE_ONE = "make one with `openssl rand -hex 24`"


class Need(NamedTuple):
    """One setting, what is wrong with it if anything is, and what to do then."""

    variable: str
    processes: tuple[Process, ...]
    fault: Callable[[Settings], Fault]
    help: str


def _master_key(settings: Settings) -> Fault:
    given, file = settings.master_key.get_secret_value().strip(), settings.master_key_file
    try:
        given = given or (file.read_text().strip() if file is not None else "")
        if not given:
            return "is not set"
        if ":" not in given:  # else it is the address of one in a key service
            read_key(given, "it")
    except (OSError, UnicodeDecodeError):
        return "_FILE cannot be read"
    except InvalidInput as fault:
        return f"cannot be used: {fault.message}"
    return None


def _database(settings: Settings) -> Fault:
    # A login without a password here has it from elsewhere: PGPASSFILE, a certificate, the machine's own name.
    return "is not set" if not settings.database_url else _weak(_password(settings.database_url), "has a password that")


def _queue(settings: Settings) -> Fault:
    if not settings.redis_url:
        return None  # the worker says so itself, and the API does without
    password, parts = _password(settings.redis_url), urlsplit(settings.redis_url)
    if not password:
        is_near = parts.scheme == "unix" or (parts.hostname or "") in _LOCAL
        return None if is_near else "has no password, and whoever reaches that server could ring for any job"
    return _weak(password, "has a password that")


def _public_url(settings: Settings) -> Fault:
    parts = urlsplit(settings.public_url)
    if not parts.hostname:
        return "is not set"
    is_open = parts.scheme != "https" and parts.hostname not in _LOCAL
    return "is not https: keys and tokens would travel readable" if is_open else None


def _origins(settings: Settings) -> Fault:
    parts = [urlsplit(origin) for origin in settings.cors_origins]
    if any("*" in origin or origin == "null" for origin in settings.cors_origins):
        return "lets pages of any origin call the API"
    is_open = any(part.scheme != "https" and (part.hostname or "") not in _LOCAL for part in parts)
    return (
        "holds an origin that is not https: whoever changes that page on its way may use its keys" if is_open else None
    )


def _bucket(settings: Settings) -> Fault:
    if not settings.storage_access_key.get_secret_value():
        return None
    given = settings.storage_secret_key.get_secret_value()
    return _weak(given, "") if given else "is not set, and GIRIH_STORAGE_ACCESS_KEY is"


def _vault(settings: Settings) -> Fault:
    parts = urlsplit(settings.vault_url)
    is_open = parts.scheme == "http" and (parts.hostname or "") not in _LOCAL
    return "is not https: the token for it would travel readable" if is_open else None


def _mail(settings: Settings) -> Fault:
    try:
        parts = urlsplit(settings.smtp_url.get_secret_value())
    except ValueError:
        return None  # no URL at all: whoever opens it says so
    if parts.scheme == "file":
        return "is a folder, and whoever reads it could take anybody's account"
    is_open = "starttls=never" in parts.query and (parts.hostname or "") not in _LOCAL
    return "lets mails travel readable, with tokens in them" if is_open else None


def _test_build(settings: Settings) -> Fault:
    return "is set, and lets a process be ended on purpose" if settings.test_build or settings.crash_at else None


def _dev(_: Settings) -> Fault:
    return "is set, and `girih dev` makes its own keys and logins, and keeps them beside the data"


NEEDS: tuple[Need, ...] = (
    Need("GIRIH_MASTER_KEY", SERVERS, _master_key, "openssl rand -base64 32, the same for every process"),
    Need("GIRIH_DATABASE_URL", SERVERS, _database, f"postgresql://girih_app:PASSWORD@host/name; {_MAKE_ONE}"),
    Need("GIRIH_REDIS_URL", SERVERS, _queue, f"redis://:PASSWORD@host:6379/0; {_MAKE_ONE}"),
    Need("GIRIH_PUBLIC_URL", ("api",), _public_url, "the address people use, such as https://girih.example.com"),
    Need("GIRIH_CORS_ORIGINS", ("api",), _origins, "name each origin, with https"),
    Need("GIRIH_STORAGE_SECRET_KEY", SERVERS, _bucket, "take the one that the bucket's server made"),
    Need("GIRIH_VAULT_URL", SERVERS, _vault, "reach it over https"),
    Need("GIRIH_SMTP_URL", ("api",), _mail, "smtps://user:PASSWORD@host:465, or leave out starttls=never"),
    Need("GIRIH_TEST_BUILD", SERVERS, _test_build, "unset it, and GIRIH_CRASH_AT"),
    Need("GIRIH_PRODUCTION", ("dev",), _dev, "start `python -m girih.api` and `python -m girih.worker`, or unset it"),
)
"""All of it. What no process may do anywhere, such as to work as a superuser of the database, is not among it."""


def missing(settings: Settings, process: Process) -> list[str]:
    """A sentence for each thing that stands in the way of real use, in the order of `NEEDS`."""
    found = ((need, need.fault(settings)) for need in NEEDS if process in need.processes)
    return [f"{need.variable}{_joined(fault)} ({need.help})" for need, fault in found if fault]


def require_production(settings: Settings, process: Process) -> None:
    """Refuse to start in production with what is missing, all of it at once. Raises `InvalidInput`."""
    lacking = missing(settings, process) if settings.production else []
    if lacking:
        raise InvalidInput(
            "GIRIH_PRODUCTION is set, and this cannot be used for real:" + "".join(f"\n  - {one}" for one in lacking),
            help="set what is named and start again; on a machine of your own, unset GIRIH_PRODUCTION",
        )


def _joined(fault: str) -> str:
    return fault if fault.startswith("_") else f" {fault}"


def _password(url: str) -> str:
    try:
        return unquote(urlsplit(url).password or "")
    except ValueError:
        return ""  # no URL at all: whoever opens it says so


def _weak(password: str, begin: str) -> Fault:
    if not password:
        return None
    if len(password) < LEAST:
        return f"{begin} is shorter than {LEAST} characters".strip()
    return f"{begin} is not random".strip() if len(set(password)) < _VARIED else None
