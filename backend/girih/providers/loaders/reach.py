"""What sources may reach on this installation, as the operator has set it: endpoints, folders, secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel

from girih.errors import DatabaseUnavailable, Unavailable
from girih.providers.credentials import Destination, NotForThere, Secrets, secret_variable
from girih.providers.loaders.base import SourceFault
from girih.providers.outbound import OutboundClient

_SCHEME = "secret://"
_NONE: Mapping[str, str] = {}


@dataclass(frozen=True)
class Reach:
    """`client` is the guarded one, `secrets` knows the values of one source by name (see `with_secrets`).

    `max_bytes` is the largest item, in bytes.
    """

    client: OutboundClient
    endpoints: Mapping[str, str]
    folders: tuple[Path, ...]
    secrets: Callable[[str], str | None]
    max_bytes: int

    def endpoint(self, name: str) -> str:
        """The address that the operator bound to a name. Raises `SourceFault`."""
        found = self.endpoints.get(name)
        if found is None:
            raise SourceFault(
                f"the endpoint '{name}' is not set on this server",
                help=f'ask the operator to bind it in GIRIH_ENDPOINTS: {{"{name}": "…"}}',
            )
        return found

    def secret(self, reference: str | None) -> str:
        """The value behind `secret://NAME`, empty for none. Raises `SourceFault` for one that is not set."""
        if reference is None:
            return ""
        name = reference.removeprefix(_SCHEME)
        value = self.secrets(name)
        if not value:
            raise SourceFault(f"the secret '{name}' is not set on this server", help=set_it(name))
        return value

    async def with_secrets(self, source: BaseModel, ask: Secrets) -> Reach:
        """The same, knowing the secrets that a source names, all of which go to its endpoint.

        Raises `SourceFault` where one cannot be decrypted, or is not for that host.
        """
        names, endpoint = secrets_of(source), getattr(source, "endpoint", None)
        if not names or endpoint is None:
            return replace(self, secrets=_NONE.get)
        to = Destination(self.endpoint(endpoint), is_chosen=True)
        try:
            known = {name: await ask(name, to) for name in names}
        except DatabaseUnavailable:
            raise
        except NotForThere as fault:
            raise SourceFault(fault.message, help=fault.help) from fault
        except Unavailable as fault:
            raise SourceFault(fault.message, help=fault.help, can_pass=True) from fault
        return replace(self, secrets=known.get)

    def inside(self, path: str) -> Path:
        """The real path behind one that must lie below an allowed folder. Raises `SourceFault`."""
        if not self.folders:
            raise SourceFault(
                "this server allows no folder as a source", help="ask the operator to set GIRIH_SOURCE_FOLDERS"
            )
        try:
            real = Path(path).resolve()
            is_inside = any(real.is_relative_to(folder.resolve()) for folder in self.folders)
        except (OSError, ValueError, RuntimeError):
            is_inside = False
        if not is_inside:
            # Said alike for what exists and what does not.
            raise SourceFault(
                f"{path} does not lie below a folder that the operator allows", help="see GIRIH_SOURCE_FOLDERS"
            )
        return real


def secrets_of(source: BaseModel) -> list[str]:
    """The names of the secrets that a source's options name."""
    values = source.model_dump().values()
    return [text.removeprefix(_SCHEME) for text in values if isinstance(text, str) and text.startswith(_SCHEME)]


def set_it(name: str) -> str:
    """What to do about a secret that is not set."""
    return f"store it with `girih secrets set {name}`, or let the operator set {secret_variable(name)}"
