"""What an operator set for models: whom to ask by default, which addresses have names, what to send with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from girih.providers.credentials import Secrets, no_secrets
from girih.providers.models.connections import Connections
from girih.providers.outbound import ProviderClients


@dataclass(frozen=True)
class ModelOptions:
    """What the operator set. Without key and base URL, `provider: default` is the demo model.

    `timeout`: seconds to wait for a connection, the first token, and each further one. `attempts`: how often one model
    is asked in all while its provider limits the rate. `clients` are what everything is sent with; without them each
    model makes its own, guarded just the same. `endpoints`, `secrets` and `connections` are what bindings name:
    addresses by name, the project's keys, and what those are sent with.
    """

    openai_api_key: str = ""
    openai_base_url: str = ""
    openai_model: str = "gpt-5-mini"
    timeout: float = 60.0
    attempts: int = 2
    clients: ProviderClients | None = None
    endpoints: Mapping[str, str] = field(default_factory=dict)
    secrets: Secrets = no_secrets
    connections: Connections | None = None

    @property
    def has_openai(self) -> bool:
        """Whether a real provider is set up (a local server needs an address only)."""
        return bool(self.openai_api_key or self.openai_base_url)
