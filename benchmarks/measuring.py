"""What the benchmarks share: starting contestants, and letting them take turns."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from tests.conftest import Project
from tests.running import free_ports, process, python_of, status_of, wait_until

SETTINGS = {
    "ENTRA_TENANT_ID": "c0000000-0000-4000-8000-00000000c050",
    "API_CLIENT_ID": "a9100000-0000-4000-8000-000000000001",
    "DOCS_ENABLED": "false",
}
TEMPLATE = Path(__file__).parents[1]


def program(name: str) -> str:
    """Return the path of a program, or end with a message if it is not installed."""
    package = {"h2load": "nghttp2-client"}.get(name, name)
    return shutil.which(name) or sys.exit(f"{name} is missing (Debian: apt install {package}).")


STAND_IN = """
import sys, uvicorn
from dev.directory import docs_page, person_called
from dev.entra import SCOPE, StandIn
port, tokens, file = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
page = docs_page(8000)
stand_in = StandIn(f"http://localhost:{port}", [page])
with open(file, "w") as out:
    for _ in range(tokens):
        print(stand_in.access_token(person_called("bob"), page, frozenset({SCOPE})), file=out)
uvicorn.run(stand_in.app, host="127.0.0.1", port=port, log_level="warning")
"""


@contextmanager
def stand_in(project: Project, folder: Path, tokens: int = 1) -> Iterator[tuple[str, Path]]:
    """Run the stand-in for Entra ID; give its address, and a file of bob's access tokens."""
    port, _ = free_ports()
    address, file = f"http://localhost:{port}", folder / "tokens.txt"
    command = [python_of(project), "-c", STAND_IN, str(port), str(tokens), str(file)]
    with process(project, {}, *command):
        wait_until(lambda: status_of(f"{address}/common/discovery/v2.0/keys") == 200, 120)
        yield address, file


@contextmanager
def service(
    project: Project,
    app: str,
    environment: dict[str, str],
    *,
    ready: int = 200,
    path: str = "/api/todos",
    workers: int = 1,
) -> Iterator[tuple[str, int]]:
    """Run an application by uvicorn, wait until it answers; give its address and its process id.

    What it logs goes where a container would send it: to a file that nobody keeps.
    """
    port, _ = free_ports()
    address = f"http://localhost:{port}"
    options = f"--port {port} --no-access-log --log-level warning --workers {workers}"
    command = f"exec {python_of(project)} -m uvicorn {app} {options} > {os.devnull} 2>&1"
    python = {
        "PYTHONPATH": os.pathsep.join((str(project.path), str(TEMPLATE))),
        # Compiled once, as in an image: a start that compiles says nothing about the service.
        "PYTHONDONTWRITEBYTECODE": "",
    }
    with process(project, environment | python, "sh", "-c", command) as running:
        wait_until(lambda: status_of(address + path) == ready, 60)
        yield address, running.pid


def rate(address: str, *options: str, seconds: int = 1) -> tuple[float, int]:
    """Return the requests in a second, and all requests, of one run of wrk.

    Among the options is the path of what is asked for.
    """
    asked = [f"{address}{option}" if option.startswith("/api/") else option for option in options]
    command = [program("wrk"), "-t1", "-c8", f"-d{seconds}s", *asked]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "Non-2xx" not in ended.stdout, ended.stdout
    requests = re.search(r"(\d+) requests in", ended.stdout)
    rates = re.search(r"Requests/sec: +([\d.]+)", ended.stdout)
    assert requests, ended.stdout
    assert rates, ended.stdout
    return float(rates[1]), int(requests[1])


def burst(url: str, *options: str) -> float:
    """Return the requests in a second of a run of h2load, which lasts a fifth of a second.

    From one second to the next a machine may become a third faster; in so short a time it does not.
    """
    command = [program("h2load"), "--h1", "--clients=8", "--duration=200ms"]
    ended = subprocess.run([*command, *options, url], check=True, capture_output=True, text=True)
    succeeded = re.search(r"([\d.]+) req/s(?s:.*) 0 failed, 0 errored", ended.stdout)
    assert succeeded, ended.stdout
    return float(succeeded[1])


def in_turns(contestants: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Return what each contestant reaches in each round, when they take turns."""
    reached: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            reached[name].append(run())
    return reached


def ratio(reached: list[float], compared: list[float]) -> float:
    """Return the median of the ratios in each round: what slows a round down slows both."""
    return median(one / other for one, other in zip(reached, compared, strict=True))
