"""How the database variant performs on PostgreSQL: `make bench`.

Two questions. Is a page as fast in a table of a million todos as in one of a thousand? And how does
the throughput compare with the same SQL by bare psycopg in a bare FastAPI app? All figures are
ratios of medians over rounds in which the contestants take turns.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx2

from tests.conftest import VARIANTS, Project, clean_environment, render
from tests.test_outage import STAND_IN, Cluster, process, status_of, wait_until
from tests.test_variants import free_ports

ROUNDS = 9
REQUESTS = 150
SECONDS = 3
SIZES = {"1 thousand": 1_000, "1 million": 1_000_000}
HERE = Path(__file__).parent

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
    uv, wrk = shutil.which("uv"), shutil.which("wrk")
    servers = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not (uv and wrk and servers):
        sys.exit("uv, wrk or PostgreSQL is missing (Debian: apt install wrk postgresql).")
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
        entra_port, _ = free_ports()
        stand_in = [uv, "run", "python", "-c", STAND_IN, str(entra_port), "8000"]
        running.enter_context(process(project, {}, *stand_in))

        services = {
            size: serve(running, project, uv, database(cluster, project, uv, rows), entra_port)
            for size, rows in SIZES.items()
        }
        ask = ["dev", "token", "--as", "bob", "--entra-port", str(entra_port)]
        wait_until(
            lambda: status_of(f"http://localhost:{entra_port}/common/discovery/v2.0/keys") == 200,
            30,
        )
        token = project.run(uv, "run", "python", "-m", *ask).strip()
        print("| question | measure | ratio |\n|---|---|---|")
        latencies(services, token)

        bare_port, _ = free_ports()
        environment = {
            "BARE_DATABASE_URL": database_url(cluster, SIZES["1 thousand"]).replace("+psycopg", ""),
            "PYTHONPATH": str(project.path),
        }
        bare = [uv, "run", "--with", "psycopg-pool", "uvicorn", "bare_database:app"]
        options = ["--app-dir", str(HERE), "--port", str(bare_port), "--no-access-log"]
        running.enter_context(
            process(project, environment, *bare, *options, "--log-level", "warning")
        )
        contestants = {"ours": services["1 thousand"], "bare": f"http://localhost:{bare_port}"}
        wait_until(lambda: status_of(f"{contestants['bare']}/api/todos") == 200, 60)
        throughput(wrk, contestants, token, home)


def database_url(cluster: Cluster, rows: int) -> str:
    """Return the URL of the database of this size."""
    return cluster.url.replace("/postgres", f"/bench_{rows}")


def database(cluster: Cluster, project: Project, uv: str, rows: int) -> str:
    """Make a database with this many todos; return its URL."""
    url = database_url(cluster, rows)

    def sql(database: str, statement: str) -> None:
        psql = [cluster.programs / "psql", "-h", "127.0.0.1", "-p", str(cluster.port), "-U", "test"]
        subprocess.run([*psql, "-d", database, "-qc", statement], check=True)

    sql("postgres", f"CREATE DATABASE bench_{rows}")
    environment = clean_environment() | {"DATABASE_URL": url}
    migrate = [uv, "run", "alembic", "upgrade", "head"]
    subprocess.run(migrate, cwd=project.path, env=environment, check=True)
    sql(f"bench_{rows}", FILL.format(rows=rows))
    sql(f"bench_{rows}", "VACUUM ANALYZE todos")
    return url


def serve(running: ExitStack, project: Project, uv: str, url: str, entra_port: int) -> str:
    """Start the service on this database; return its address."""
    port, _ = free_ports()
    environment = {
        "ENTRA_TENANT_ID": "c0000000-0000-4000-8000-00000000c050",
        "API_CLIENT_ID": "a9100000-0000-4000-8000-000000000001",
        "ENTRA_AUTHORITY": f"http://localhost:{entra_port}",
        "DOCS_ENABLED": "false",
        "DATABASE_URL": url,
    }
    # Its own request log is on, to where a container would send it.
    log = f"exec {uv} run uvicorn app.main:app --port {port} --no-access-log 2> {os.devnull}"
    running.enter_context(process(project, environment, "sh", "-c", log))
    wait_until(lambda: status_of(f"http://localhost:{port}/health/ready") == 200, 60)
    return f"http://localhost:{port}"


def latencies(services: dict[str, str], token: str) -> None:
    """Compare the latency of a page of bob's todos in tables of different sizes."""
    headers = {"Authorization": f"Bearer {token}"}
    clients = {
        size: httpx2.Client(base_url=url, headers=headers, trust_env=False)
        for size, url in services.items()
    }
    seconds: dict[str, list[float]] = {size: [] for size in services}
    for _ in range(ROUNDS):
        for size, client in clients.items():
            for _ in range(REQUESTS):
                started = time.perf_counter()
                answer = client.get("/api/todos", params={"limit": 20})
                seconds[size].append(time.perf_counter() - started)
                assert len(answer.json()["items"]) == 20
    small, large = (median(seconds[size]) for size in services)
    fewer, more = services
    print(
        f"| page of 20 todos of an owner who has 200 | latency in a table of {more} rows "
        f"to that of {fewer} | {large / small:.2f} |"
    )
    for client in clients.values():
        client.close()


def throughput(wrk: str, services: dict[str, str], token: str, folder: Path) -> None:
    """Compare requests in a second."""
    create = folder / "create.lua"
    create.write_text(
        'wrk.method = "POST"\nwrk.body = \'{"title": "Buy milk"}\'\n'
        'wrk.headers["Content-Type"] = "application/json"\n'
    )
    for name, options, path in (
        ("list 20 todos", [], "/api/todos?limit=20"),
        ("create a todo", ["-s", str(create)], "/api/todos"),
    ):
        rates: dict[str, list[float]] = {contestant: [] for contestant in services}
        for _ in range(ROUNDS):
            for contestant, url in services.items():
                command = [wrk, "-t1", "-c16", f"-d{SECONDS}s", *options]
                header = ["-H", f"Authorization: Bearer {token}"]
                ended = subprocess.run(
                    [*command, *header, url + path], check=True, capture_output=True, text=True
                )
                assert "Non-2xx" not in ended.stdout, ended.stdout
                (rate,) = re.findall(r"Requests/sec: +([\d.]+)", ended.stdout)
                rates[contestant].append(float(rate))
        ours, bare = (median(rates[contestant]) for contestant in services)
        print(
            f"| {name} | throughput to that of bare psycopg in bare FastAPI | {ours / bare:.2f} |"
        )


if __name__ == "__main__":
    main()
