"""Runs the service in production, with uvicorn: a process that stops loses no request."""

import argparse
import asyncio
import logging
import os
import signal
import sys
import time
from threading import Timer
from types import FrameType

import uvicorn
from fastapi import FastAPI

from app.protocol import BoundedProtocol

log = logging.getLogger(__name__)

EVERY_ADDRESS = ""
"""The host to listen on: every address of the container, IPv4 and IPv6."""
PORT = 8000
KEEP_ALIVE = 75
"""How many seconds an idle connection is kept: longer than proxies keep theirs, usually 60.

If the service closed first, a request that the proxy is sending at that moment would be lost.
"""
BACKLOG = 2048
"""How many connections may wait to be accepted; the kernel limits it to `net.core.somaxconn`."""
SECONDS_TO_DRAIN = 5
"""How many seconds a process continues to serve after SIGTERM, without being ready.

In this time, the load balancer notices, and stops sending requests.
"""
SECONDS_TO_FINISH = 20
"""How many seconds the last requests may take.

Kubernetes and Azure Container Apps kill a process 30 seconds after SIGTERM.
"""
SECONDS_TO_END = SECONDS_TO_DRAIN + SECONDS_TO_FINISH + 3
"""How many seconds after SIGTERM the process ends in any case.

So an OpenTelemetry collector that does not answer cannot delay the end.
"""


class Server(uvicorn.Server):
    """uvicorn, which drains on SIGTERM before it closes.

    It continues to serve, but every response closes its connection, so that no proxy has an idle one
    left on which to send a request when the process ends.
    """

    def __init__(self, app: FastAPI, host: str, port: int, root_path: str = "") -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                root_path=root_path,
                # The service configures the log itself, and writes a line for each request.
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=SECONDS_TO_FINISH,
                backlog=BACKLOG,
                http=BoundedProtocol,
                # Trusted only from the addresses in FORWARDED_ALLOW_IPS.
                proxy_headers=True,
            )
        )
        self.app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Remember which signal came, and end in time after SIGTERM."""
        self.app.state.draining = sig == signal.SIGTERM
        if sig == signal.SIGTERM:
            end_in_time()
        super().handle_exit(sig, frame)

    async def main_loop(self) -> None:
        """Serve until a signal comes; after SIGTERM, continue for SECONDS_TO_DRAIN."""
        await super().main_loop()
        if self.app.state.draining:
            self.config.encoded_headers.append((b"connection", b"close"))
            ended = time.monotonic() + SECONDS_TO_DRAIN
            while time.monotonic() < ended:
                await self.on_tick(0)
                await asyncio.sleep(0.1)


def end_in_time() -> None:
    """End the process with status 0 when its time is up, whatever it is waiting for by then."""

    def end() -> None:
        log.warning("ending the process, although something in it has not finished")
        os._exit(0)

    timer = Timer(SECONDS_TO_END, end)
    timer.daemon = True
    timer.start()


def main() -> None:
    """Serve, and end with status 0 on SIGTERM."""
    # uvicorn raises the signal again after it has shut down. The first process of a container
    # ignores signals that it does not handle, even during its start.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    parser = argparse.ArgumentParser("python -m app.serve", description="Run the service.")
    parser.add_argument(
        "--host",
        default=EVERY_ADDRESS,
        help="address to listen on (default: every IPv4 and IPv6 address)",
    )
    parser.add_argument(
        "--port", type=int, default=PORT, help=f"port to listen on (default: {PORT})"
    )
    parser.add_argument(
        "--root-path", default="", metavar="PREFIX", help="the path prefix that a proxy strips"
    )
    arguments = parser.parse_args()
    from app.main import app  # noqa: PLC0415  importing it is slow

    Server(app, arguments.host, arguments.port, arguments.root_path).run()


if __name__ == "__main__":
    main()
