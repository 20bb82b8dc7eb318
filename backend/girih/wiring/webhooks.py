"""What runs tell to the outside: the courier of a process, and which URLs it would go to."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import structlog

from girih.db.unit_of_work import UnitOfWork
from girih.errors import GirihError, InvalidInput
from girih.providers.outbound import OutboundClient, OutboundError
from girih.services.runs.options import CheckUrl
from girih.services.webhooks.bell import Bell
from girih.services.webhooks.courier import Courier, Outcome
from girih.services.webhooks.keys import SigningKeys
from girih.wiring.watching import Telemetry

log = structlog.get_logger("girih.webhooks")


async def start_courier(
    stack: AsyncExitStack, uow: UnitOfWork, client: OutboundClient, keys: SigningKeys, telemetry: Telemetry
) -> Bell:
    """The courier, until the stack is closed; gives the bell that runs of this process ring.

    What becomes of its tries is counted, if anybody asks for numbers.
    """
    metrics = telemetry.metrics

    def count(outcome: Outcome) -> None:
        if metrics is not None:
            metrics.deliveries.labels(outcome).inc()

    sealing = asyncio.create_task(_seal(keys), name="sealing of webhooks' secrets")
    stack.callback(sealing.cancel)
    courier = Courier(uow, client, keys, on_outcome=count)
    await courier.start()
    stack.push_async_callback(courier.stop)
    return Bell(courier)


async def _seal(keys: SigningKeys) -> None:
    """Seal what was stored before there was a master key. What fails now is tried at the next start."""
    try:
        if sealed := await keys.seal_plain():
            log.info("webhooks' secrets are encrypted now", projects=sealed)
    except GirihError as fault:
        log.warning("webhooks' secrets cannot be encrypted", reason=fault.message)


def check_of(client: OutboundClient) -> CheckUrl:
    """Refuses the URLs that the client would refuse, as far as that is known without a look-up."""

    def check(url: str) -> None:
        try:
            client.check(url)
        except OutboundError as fault:
            raise InvalidInput(f"`webhook` cannot be used: {fault.message}", help=fault.help) from None

    return check
