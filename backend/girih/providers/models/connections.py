"""What bound models are asked through: one guarded client for public hosts, and one for each of the operator's own."""

from __future__ import annotations

from girih.providers.outbound import ProviderClients, provider_clients


class Connections:
    """Guarded clients of one process, made when they are first needed and kept."""

    def __init__(self) -> None:
        self._clients: dict[str | None, ProviderClients] = {}

    def to(self, base_url: str, *, is_operators: bool) -> ProviderClients:
        """What to ask the provider at `base_url` through: only where the operator chose it may it be private."""
        place = base_url if is_operators else None
        if place not in self._clients:
            self._clients[place] = provider_clients(place)
        return self._clients[place]

    async def aclose(self) -> None:
        """Close all connections."""
        for clients in self._clients.values():
            await clients.aclose()
        self._clients.clear()
