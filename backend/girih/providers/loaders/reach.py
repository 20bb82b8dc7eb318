"""What sources may reach on this installation, as the operator has set it: endpoints, folders, secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from girih.providers.credentials import secret_variable
from girih.providers.loaders.base import SourceFault
from girih.providers.outbound import OutboundClient


@dataclass(frozen=True)
class Reach:
    """`client` is the guarded one, `secrets` gives a value by name; `max_bytes` is the largest item, in bytes."""

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
        name = reference.removeprefix("secret://")
        value = self.secrets(name)
        if not value:
            raise SourceFault(f"the secret '{name}' is not set on this server", help=f"set {secret_variable(name)}")
        return value

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
