"""`python -m dev`: the service with local sign-in; `python -m dev token`: a token for curl."""

import argparse
import errno
import os
import shlex
import shutil
import socket
import sys
from contextlib import suppress
from pathlib import Path
from threading import Thread

import uvicorn
from uvicorn.supervisors import ChangeReload

from dev.directory import COMMAND, PEOPLE, docs_page
from dev.entra import StandIn
{% if cookiecutter.storage == "database" %}
from dev.migrate import migrate_local_database
{% endif %}
from dev.service import ENTRA_PORT
from dev.token import fetch_token

PORT, DEFAULT_ENTRA_PORT = 8000, 8400


def main() -> None:
    """Do what the command line asks for."""
    arguments = _parser().parse_args()
    if arguments.command == "token":
        print(fetch_token(arguments.person, arguments.entra_port))
    elif arguments.port == arguments.entra_port:
        sys.exit("The service and the stand-in need a port each: choose another --port.")
    else:
        run(arguments.port, arguments.entra_port, reload=not arguments.no_reload)


def run(port: int, entra_port: int, *, reload: bool) -> None:
    """Serve the stand-in and the service until Ctrl-C."""
    entra_sockets = listen(entra_port, "--entra-port")
    service_sockets = listen(port, "--port")
{% if cookiecutter.storage == "database" %}
    migrate_local_database()
{% endif %}
    stand_in = StandIn(f"http://localhost:{entra_port}", [docs_page(port), COMMAND])
    entra = uvicorn.Server(uvicorn.Config(stand_in.app, log_config=None, access_log=False))
    Thread(target=entra.run, args=(entra_sockets,), daemon=True).start()

    os.environ[ENTRA_PORT] = str(entra_port)
    config = uvicorn.Config(
        "dev.service:create",
        factory=True,
        reload=reload,
        reload_dirs=["app"] if reload else None,
        # The service configures the log itself.
        log_config=None,
    )
    server = uvicorn.Server(config)
    print(_greeting(port, entra_port), flush=True)
    if reload:
        ChangeReload(config, target=server.run, sockets=service_sockets).run()
    else:
        # uvicorn has shut the service down by then, and raises it for its own callers.
        with suppress(KeyboardInterrupt):
            server.run(service_sockets)


def listen(port: int, option: str) -> list[socket.socket]:
    """Return sockets that listen on this port of both loopback addresses.

    Ends the program with one sentence when the port is taken; `option` is how to choose another.
    """
    sockets = []
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            sockets.append(_bound(family, address, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE or isinstance(error, PermissionError):
                sys.exit(f"Port {port} is taken. Choose another with {option}, such as {port + 1}.")
            if family == socket.AF_INET:
                raise
            # A machine without IPv6 has no ::1.
    return sockets


def _bound(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    if sys.platform == "win32":
        # Windows would let two programs share the port.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        bound.bind((address, port))
    except OSError:
        bound.close()
        raise
    bound.set_inheritable(True)
    return bound


def _greeting(port: int, entra_port: int) -> str:
    people = "\n".join(
        f"    {person.name:7} {person.tenant.name:9} {person.note}" for person in PEOPLE
    )
    port_option = "" if entra_port == DEFAULT_ENTRA_PORT else f" --entra-port {entra_port}"
    return (
        f"\nDocs page   http://localhost:{port}/docs   (press Authorize, pick a person)\n\n"
        f"Who can sign in, without a password:\n{people}\n\n"
        f"A token for curl: {_python()} -m dev token --as bob{port_option}\nStop with Ctrl-C.\n"
    )


def _python() -> str:
    """Return the command that runs Python modules of this project from the user's folder."""
    uv = "uv" if shutil.which("uv") else os.environ.get("UV")
    if uv is None:
        return shlex.quote(sys.executable)
    # `uv run --directory` changes the current folder, and PWD is still that of the shell.
    shell, project = Path(os.environ.get("PWD", "")), Path.cwd()
    if not shell.is_absolute() or not shell.is_dir() or shell.samefile(project):
        return f"{shlex.quote(uv)} run python"
    way = os.path.relpath(project, shell)
    return f"{shlex.quote(uv)} run --directory {shlex.quote(way)} python"


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) not in range(1, 65536):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a port: expected a number from 1 to 65535"
        )
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m dev",
        description="Run the service on this machine, with a local stand-in for Entra ID.",
    )
    parser.set_defaults(command="run")
    _add_port(parser, "--port", PORT, "where the service listens")
    _add_port(parser, "--entra-port", DEFAULT_ENTRA_PORT, "where the stand-in listens")
    parser.add_argument("--no-reload", action="store_true", help="do not restart on a change")
    token = parser.add_subparsers(title="or").add_parser(
        "token", help="print an access token", description="Print an access token, for curl."
    )
    token.set_defaults(command="token")
    names = [person.name for person in PEOPLE]
    token.add_argument("--as", dest="person", required=True, choices=names, help="whose token")
    _add_port(token, "--entra-port", argparse.SUPPRESS, "where the stand-in listens")
    return parser


def _add_port(parser: argparse.ArgumentParser, option: str, default: int | str, text: str) -> None:
    shown = "as above" if default == argparse.SUPPRESS else default
    parser.add_argument(
        option, type=_port, default=default, metavar="PORT", help=f"{text} (default {shown})"
    )


if __name__ == "__main__":
    main()
