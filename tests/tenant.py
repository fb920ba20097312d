"""A tenant on this machine, for commands that run as separate processes.

Microsoft Graph in memory runs with certificates for the real host names, behind a proxy that routes
every host to it. The commands find it through the variables that a user behind a proxy sets, and
sign in through a fake Azure CLI.
"""

import json
import os
import select
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme
import uvicorn

from tests.conftest import clean_environment
from tests.graph import Directory, create_graph

HOSTS = ("graph.microsoft.com", "login.microsoftonline.com")
TOKEN = {"accessToken": "a token", "expires_on": 4102444800, "expiresOn": "2100-01-01 00:00:00"}


def listening() -> socket.socket:
    """Return a socket that listens on a free local port."""
    sock = socket.create_server(("127.0.0.1", 0))
    sock.settimeout(0.2)
    return sock


def tunnel(client: socket.socket, port: int) -> None:
    """Connect a client to this port, whatever host it asks for."""
    with client, socket.create_connection(("127.0.0.1", port)) as server:
        client.recv(65536)
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        ends = {client: server, server: client}
        while True:
            for ready in select.select(list(ends), [], [], 30)[0] or [client]:
                data = ready.recv(65536)
                if not data:
                    return
                ends[ready].sendall(data)


@contextmanager
def proxy(port: int) -> Iterator[int]:
    """Run the proxy; yield its port."""
    running = True
    with listening() as sock:

        def serve() -> None:
            while running:
                try:
                    client, _ = sock.accept()
                except TimeoutError:
                    continue
                threading.Thread(target=tunnel, args=(client, port), daemon=True).start()

        thread = threading.Thread(target=serve)
        thread.start()
        yield sock.getsockname()[1]
        running = False
        thread.join()


@contextmanager
def tenant(directory: Directory, folder: Path) -> Iterator[dict[str, str]]:
    """Run the tenant; yield the environment of a user whose Azure CLI is signed in to it."""
    authority = trustme.CA()
    certificate = authority.issue_cert(*HOSTS)
    trusted, own = folder / "ca.pem", folder / "graph.pem"
    authority.cert_pem.write_to_path(str(trusted))
    certificate.private_key_and_cert_chain_pem.write_to_path(str(own))
    with listening() as free:
        port = free.getsockname()[1]
    config = uvicorn.Config(
        create_graph(directory),
        port=port,
        ssl_certfile=str(own),
        ssl_keyfile=str(own),
        log_level="error",
        lifespan="off",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    programs = folder / "bin"
    programs.mkdir()
    az = programs / "az"
    az.write_text(f"#!{sys.executable}\nprint({json.dumps(TOKEN)!r})\n")
    az.chmod(0o755)
    try:
        with proxy(port) as proxied:
            yield clean_environment() | {
                "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
                "HTTPS_PROXY": f"http://127.0.0.1:{proxied}",
                "SSL_CERT_FILE": str(trusted),
                "UV_OFFLINE": "1",
            }
    finally:
        server.should_exit = True
        thread.join()
