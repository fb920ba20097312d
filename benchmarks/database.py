"""How the database variant performs on PostgreSQL: `make bench`.

Two questions. Is a page as fast in a table of a million todos as in one of a thousand? And how does
the throughput compare with the same SQL by bare psycopg in a bare FastAPI app? All figures are
ratios, measured in rounds in which the contestants take turns.
"""

import subprocess
import sys
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx2

from benchmarks.measuring import SETTINGS, burst, in_turns, program, ratio, service, stand_in
from tests.conftest import VARIANTS, Project, clean_environment, render
from tests.postgresql import Cluster
from tests.running import free_ports

ROUNDS = 25
BURSTS = 200
REQUESTS = 150
SIZES = {"1 thousand": 1_000, "1 million": 1_000_000}

# bob's 200 todos among those of many others, spread over time as they would be.
FILL = """
    INSERT INTO todos SELECT 'c0000000-0000-4000-8000-00000000c050',
      (lpad(to_hex(n * 1000), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8'
        || substr(md5(n::text), 4, 15))::uuid,
      CASE WHEN n % ({rows} / 200) = 0 THEN 'b0b00000-0000-4000-8000-000000000002'
           ELSE md5((n % ({rows} / 200))::text)::uuid END,
      'todo ' || n, false, now(), now() FROM generate_series(1, {rows}) n
"""


def main() -> None:
    """Measure, and print a table."""
    uv, _ = map(program, ("uv", "h2load"))
    servers = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not servers:
        sys.exit("PostgreSQL is missing (Debian: apt install postgresql).")
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder, ExitStack() as running:
        home = Path(folder)
        cluster_home = home / "cluster"
        cluster_home.mkdir()
        home.chmod(0o755)
        cluster = Cluster(servers[-1].parent, cluster_home, free_ports()[0])
        cluster.start()
        running.callback(cluster.stop_hard)
        project = render(home, VARIANTS["single-tenant, roles, database"])
        project.run(uv, "sync", "--locked")
        project.run(uv, "pip", "install", "psycopg-pool")
        entra, tokens = running.enter_context(stand_in(project, home))
        header = f"Authorization: Bearer {tokens.read_text().strip()}"
        environment = SETTINGS | {"ENTRA_AUTHORITY": entra}

        services = {}
        for size, rows in SIZES.items():
            settings = environment | {"DATABASE_URL": database(cluster, project, uv, rows)}
            start = service(project, "app.main:app", settings, ready=401)
            services[size], _ = running.enter_context(start)
        print("| question | measure | ratio |\n|---|---|---|", flush=True)
        latencies(services, header)

        url = database_url(cluster, SIZES["1 thousand"]).replace("+psycopg", "")
        start = service(project, "benchmarks.bare_database:app", {"BARE_DATABASE_URL": url})
        bare, _ = running.enter_context(start)
        throughput({"ours": services["1 thousand"], "bare": bare}, header, home)


def database_url(cluster: Cluster, rows: int) -> str:
    """Return the URL of the database of this size."""
    return cluster.url.replace("/postgres", f"/bench_{rows}")


def database(cluster: Cluster, project: Project, uv: str, rows: int) -> str:
    """Make a database with this many todos; return its URL."""
    url = database_url(cluster, rows)

    def sql(database: str, statement: str) -> None:
        psql, port = cluster.programs / "psql", str(cluster.port)
        server = ["-h", "127.0.0.1", "-p", port, "-U", "test", "-d", database]
        subprocess.run([psql, *server, "-qc", statement], check=True)

    sql("postgres", f"CREATE DATABASE bench_{rows}")
    environment = clean_environment() | {"DATABASE_URL": url}
    migrate = [uv, "run", "alembic", "upgrade", "head"]
    subprocess.run(migrate, cwd=project.path, env=environment, check=True)
    sql(f"bench_{rows}", FILL.format(rows=rows))
    sql(f"bench_{rows}", "VACUUM ANALYZE todos")
    return url


def latencies(services: dict[str, str], header: str) -> None:
    """Compare the latency of a page of bob's todos in tables of different sizes."""
    headers = dict([header.split(": ")])
    clients = {
        size: httpx2.Client(base_url=url, headers=headers, trust_env=False)
        for size, url in services.items()
    }
    seconds: dict[str, list[float]] = {size: [] for size in services}
    for _ in range(ROUNDS):
        for size, client in clients.items():
            for _ in range(REQUESTS):
                started = time.perf_counter()
                response = client.get("/api/todos", params={"limit": 20})
                seconds[size].append(time.perf_counter() - started)
                assert len(response.json()["items"]) == 20
    small, large = (median(seconds[size]) for size in services)
    fewer, more = services
    print(
        f"| page of 20 todos of an owner who has 200 | latency in a table of {more} rows "
        f"to that of {fewer} | {large / small:.2f} |"
    )
    for client in clients.values():
        client.close()


def throughput(services: dict[str, str], header: str, folder: Path) -> None:
    """Compare requests in a second."""
    new = folder / "new.json"
    new.write_text('{"title": "Buy milk"}')
    creating = (f"--data={new}", "--header=Content-Type: application/json")
    for name, path, options in (
        ("list 20 todos", "/api/todos?limit=20", ()),
        ("create a todo", "/api/todos", creating),
    ):
        contestants = {
            contestant: partial(burst, url + path, f"--header={header}", *options)
            for contestant, url in services.items()
        }
        reached = in_turns(contestants, BURSTS)
        compared = ratio(reached["ours"], reached["bare"])
        print(f"| {name} | throughput to that of bare psycopg in bare FastAPI | {compared:.2f} |")


if __name__ == "__main__":
    main()
