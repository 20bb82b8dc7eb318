"""The API's process: opens the services, serves until a signal, and ends in order."""

from __future__ import annotations

import asyncio
import math
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import uvicorn
from fastapi import FastAPI
from uvicorn.loops.auto import auto_loop_factory

from girih.api.app import create_app
from girih.api.heads import BoundedHttp
from girih.api.open_streams import HEARTBEAT
from girih.api.ws import LONGEST_MESSAGE
from girih.errors import Conflict, GirihError, Unavailable
from girih.logs import configure_logging
from girih.wiring.environment import read_settings
from girih.wiring.server import Girih, open_girih

log = structlog.get_logger("girih.api")


class Server(uvicorn.Server):
    """uvicorn that ends open streams first, so that a stop does not wait for their readers, and exits with 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take SIGINT and SIGTERM; unlike uvicorn's own, do not die of them again after a clean stop."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say where, once requests are answered there; then load what the first ones would wait for."""
        await super().startup(sockets)
        app = self.config.app
        if isinstance(app, FastAPI):
            app.state.girih.warm_up()
        for listener in sockets or ():
            host, port = listener.getsockname()[:2]
            log.info("listening", url=f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams between two frames, then everything else as uvicorn does."""
        app = self.config.app
        if isinstance(app, FastAPI):
            app.state.streams.close()
        await super().shutdown(sockets)


async def serve() -> None:
    """Open the services and serve until a signal."""
    settings = read_settings()
    configure_logging(settings.log_level, settings.log_format)
    async with open_girih(settings) as girih:
        await tell_setup(girih)
        listener = _listen(settings.host, settings.port)
        config = uvicorn.Config(
            create_app(girih),
            log_config=None,
            access_log=False,
            http=BoundedHttp,
            server_header=False,
            # Else whoever calls could name another address for himself.
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=list(settings.trusted_proxies),
            timeout_graceful_shutdown=math.ceil(settings.shutdown_grace),
            lifespan="on",
            ws_ping_interval=HEARTBEAT,
            ws_max_size=LONGEST_MESSAGE,
        )
        await Server(config).serve(sockets=[listener])


async def tell_setup(girih: Girih) -> None:
    """Say how a fresh installation is set up: whoever reads the log of the server may."""
    try:
        found = await girih.people.setup.token()
    except Conflict as fault:
        log.warning(fault.message, help=fault.help)
        return
    if found is not None:
        # The one secret that goes to the log, on purpose: good once, until there is an organization.
        log.warning("not set up yet: POST /v1/setup", token=found.text, until=found.expires_at.isoformat())


def _listen(host: str, port: int) -> socket.socket:
    """A bound socket, before anything is started: a taken port is one sentence, not a stack trace."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise Unavailable(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            help="stop what uses the port, or set GIRIH_PORT (0 takes a free one)",
        ) from error
    return listener


def main() -> int:
    """Serve; 1 and one sentence when it cannot be started."""
    try:
        with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
            runner.run(serve())
    except GirihError as error:
        sys.stderr.write(f"girih: {error.message}\n" + (f"  {error.help}\n" if error.help else ""))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0
