"""What sign-in costs: `make bench`.

The memory variant with everything on, its request log included, against the same routes left open,
against plain fastapi-azure-auth, and against a service in the style of the guides; with one token
that is used again and again, and with tokens that were never seen before. All figures are medians of
the ratios in rounds in which the contestants take turns. With one token a turn is a fifth of a second,
because from one second to the next a machine may be a third faster. Several times all of them are
started again: where things lie in memory makes one process of the same program a little faster than
another.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2

from benchmarks.measuring import SETTINGS, burst, in_turns, program, rate, ratio, service, stand_in
from tests.conftest import Project, render

LAUNCHES = 6
ROUNDS_WITH_ONE_TOKEN = 40
ROUNDS_WITH_NEW_TOKENS = 4
STARTS = 11
MOST_TOKENS = 10_000
TOKENS = 2 * MOST_TOKENS + 4_000
"""More than the caches of two workers hold, so that in turns none of them is ever found there."""
LIST = "/api/todos?limit=20"

OURS = "ours"
# An application, and the status of a request without a token, which shows that it runs.
OPEN = {
    "the same routes left open": ("benchmarks.bare:app", 200),
    "the smallest FastAPI app": ("benchmarks.minimal:app", 200),
}
GUARDED = {
    OURS: ("app.main:app", 401),
    "plain fastapi-azure-auth": ("benchmarks.plain:app", 401),
    "the style of the guides": ("benchmarks.guide:app", 401),
}

NEW_TOKENS = """
local wanted, at = {}, 0
function init(arguments)
  at = tonumber(arguments[2])
  for token in io.lines(arguments[1]) do
    wanted[#wanted + 1] = wrk.format("GET", PATH, {["Authorization"] = "Bearer " .. token})
  end
end
function request()
  at = at % #wanted + 1
  return wanted[at]
end
"""


def main() -> None:
    """Measure, and print a table."""
    uv, _, _ = map(program, ("uv", "wrk", "h2load"))
    answers = {"app_roles": True, "storage": "memory", "tenancy": "single-tenant"}
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder, ExitStack() as running:
        home = Path(folder)
        project = render(home, answers)
        project.run(uv, "sync", "--locked")
        entra, file = running.enter_context(stand_in(project, home, TOKENS))
        environment = SETTINGS | {"ENTRA_AUTHORITY": entra}
        script = home / "tokens.lua"
        script.write_text(NEW_TOKENS)
        print("| question | against | ratio |\n|---|---|---|", flush=True)
        for workers in (1, 2):
            throughput(project, environment, (script, file), workers)
        starts(project, environment)
        memory(project, environment, (script, file))


def throughput(
    project: Project, environment: dict[str, str], tokens: tuple[Path, Path], workers: int
) -> None:
    """Compare requests in a second, with one token and with tokens never seen before."""
    contestants = OPEN | GUARDED
    seen: dict[str, list[float]] = {name: [] for name in contestants}
    unseen: dict[str, list[float]] = {name: [] for name in GUARDED}
    for _ in range(LAUNCHES):
        with ExitStack() as running:
            addresses = {}
            for name, (app, ready) in contestants.items():
                start = service(project, app, environment, ready=ready, workers=workers)
                addresses[name], _ = running.enter_context(start)
            one, new = turns(addresses, tokens, workers)
        for name in contestants:
            seen[name] += one[name]
        for name in GUARDED:
            unseen[name] += new[name]
    report(f"list 20 todos, {workers} of uvicorn's workers, one token", seen, [*contestants])
    report(f"list 20 todos, {workers} of uvicorn's workers, new tokens", unseen, [*GUARDED])


def turns(
    addresses: dict[str, str], tokens: tuple[Path, Path], workers: int
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return what services that were just started reach with one token, and with new tokens."""
    script, file = tokens
    header = f"Authorization: Bearer {file.read_text().split()[0]}"
    for address in addresses.values():
        fill(address, header, workers)

    used = dict.fromkeys(addresses, 0)

    def one_token(name: str) -> float:
        return burst(addresses[name] + LIST, f"--header={header}")

    def new_tokens(name: str) -> float:
        options = ("-s", str(script), LIST, "--", str(file), str(used[name] % TOKENS))
        reached, requests = rate(addresses[name], *options)
        used[name] += requests
        return reached

    return (
        in_turns({name: partial(one_token, name) for name in addresses}, ROUNDS_WITH_ONE_TOKEN),
        in_turns({name: partial(new_tokens, name) for name in GUARDED}, ROUNDS_WITH_NEW_TOKENS),
    )


def report(question: str, reached: dict[str, list[float]], others: list[str]) -> None:
    """Print the ratio of ours to each of the others."""
    for other in others:
        if other != OURS:
            compared = ratio(reached[OURS], reached[other])
            print(f"| {question} | {other} | {compared:.2f} |", flush=True)


def fill(address: str, header: str, workers: int) -> None:
    """Create so many todos that each worker, which has a store of its own, holds a page of them."""
    name, value = header.split(": ")
    # A connection of its own for each may meet another worker.
    anew = httpx2.Limits(max_keepalive_connections=0)
    with httpx2.Client(headers={name: value}, limits=anew, trust_env=False) as client:
        for _ in range(30 if workers == 1 else 120):
            created = client.post(f"{address}/api/todos", json={"title": "Buy milk"})
            created.raise_for_status()


def starts(project: Project, environment: dict[str, str]) -> None:
    """Compare the time from the start of the process until it is ready."""

    def start(app: str, path: str) -> float:
        started = time.perf_counter()
        with service(project, app, environment, path=path):
            return time.perf_counter() - started

    contestants: dict[str, Callable[[], float]] = {
        OURS: partial(start, "app.main:app", "/health/ready"),
        "the smallest FastAPI app": partial(start, "benchmarks.minimal:app", "/api/todos"),
    }
    seconds = in_turns(contestants, STARTS)
    report("seconds from start to ready", seconds, ["the smallest FastAPI app"])


def memory(project: Project, environment: dict[str, str], tokens: tuple[Path, Path]) -> None:
    """Compare the memory after 100,000 requests with all tokens to that after the first 20,000."""
    script, file = tokens
    requests = 0
    sizes = []
    with service(project, "app.main:app", environment, ready=401) as (address, pid):
        for most in (20_000, 100_000):
            while requests < most:
                options = ("-s", str(script), LIST, "--", str(file), str(requests % TOKENS))
                requests += rate(address, *options)[1]
            status = Path(f"/proc/{pid}/status").read_text()
            sizes.append(int(status.partition("VmRSS:")[2].split()[0]))
    grown = sizes[1] / sizes[0]
    print(f"| memory after 100,000 requests | after 20,000, the cache being full | {grown:.2f} |")


if __name__ == "__main__":
    main()
