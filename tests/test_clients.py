"""Third-party clients sign in to the stand-in, with the code of the documents.

The packages are the newest ones on PyPI, and the newest of a fixed major version on npm. A
generated client calls the service.
"""

import json
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit
from uuid import NAMESPACE_URL, uuid5

import httpx2
import pytest
from playwright.sync_api import Page, sync_playwright

from tests.conftest import AGENTS, TYPED, VARIANTS, Project, clean_environment, render
from tests.missing import need
from tests.running import free_ports, running

pytestmark = pytest.mark.slow

PACKAGES = ("@azure/msal-browser@5", "@azure/msal-node@7", "oidc-client-ts@3", "openid-client@6")
BOB = "bob@contoso.example"
MSAL_FOR_PYTHON = """
[account] = app.get_accounts()
renewed = app.acquire_token_silent_with_error(SCOPES, account, force_refresh=True)
print("renewed", renewed["token_source"])
refused = app.acquire_token_interactive(["api://a9100000-0000-4000-8000-000000000001/unknown"])
print("refused", refused["error"], refused["error_description"])
app.remove_account(account)
print("accounts", len(app.get_accounts()))
"""
MSAL_FOR_NODE = """
const [account] = await app.getAllAccounts();
const renewed = await app.acquireTokenSilent({ scopes, account, forceRefresh: true });
console.log("renewed", renewed.fromCache);
const error = await app.acquireTokenByRefreshToken({ scopes, refreshToken: "x" }).catch((error) => error);
console.log("refused", error.errorCode, error.errorMessage);
await app.signOut({ account });
console.log("accounts", (await app.getAllAccounts()).length);
"""


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """Return a folder with the npm packages."""
    need("npm", "node")
    folder = tmp_path / "packages"
    folder.mkdir()
    quiet = ("--silent", "--no-audit", "--no-fund", "--ignore-scripts")
    npm = shutil.which("npm")
    assert npm
    subprocess.run([npm, "install", *quiet, *PACKAGES], cwd=folder, check=True, timeout=300)
    return folder


@pytest.fixture
def project(tmp_path: Path, uv: str, request: pytest.FixtureRequest) -> Project:
    """Return an installed project of the variant that the test names."""
    project = render(tmp_path, VARIANTS[request.param])
    project.run(uv, "sync", "--locked")
    return project


class Document:
    """A page of the documentation, whose code is made for default ports."""

    def __init__(self, project: Project, file: str, **ports: int) -> None:
        text = project.path.joinpath("docs", file).read_text(encoding="utf-8")
        for url in re.findall(r"--front-end (\S+)", text):
            # Its client id depends on the port.
            moved = url.replace("5173", str(ports["page"]))
            assert text.count(client_id(url)) == 1
            text = text.replace(client_id(url), client_id(moved))
        for name, default in {
            "service": 8000,
            "entra": 8400,
            "page": 5173,
            "program": 5174,
        }.items():
            text = re.sub(rf"(?<=[:(]){default}\b", str(ports.get(name, default)), text)
        self.code = re.findall(r"^```(?:html|js|python)\n(.*?)^```$", text, re.M | re.S)


def client_id(url: str) -> str:
    """Return the client id that the stand-in gives the front end at this URL."""
    return str(uuid5(NAMESPACE_URL, url))


@contextmanager
def serving(folder: Path, port: int) -> Iterator[str]:
    """Serve the files of a folder; give their address."""
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("localhost", port), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{port}"
        server.shutdown()


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files without a line for each."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Write nothing."""


@contextmanager
def browsing() -> Iterator[Page]:
    """Open a page in Chromium, which accepts every certificate."""
    need("chromium")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=arguments
        )
        page = browser.new_context(ignore_https_errors=True).new_page()
        page.set_default_timeout(20_000)
        yield page
        browser.close()


def press(page: Page, button: str) -> None:
    """Press a button of a page."""
    page.get_by_role("button", name=button, exact=True).click()


def pick(page: Page, person: str) -> None:
    """Pick a person of the account picker."""
    page.get_by_role("button", name=re.compile(person)).click()


def shows(page: Page, text: str) -> None:
    """Wait until the page shows this text."""
    page.get_by_role("status").filter(has_text=text).wait_for()


def signed_in(command: list[str], folder: Path, environment: dict[str, str], ca: Path) -> list[str]:
    """Run a program that prints where to sign in, sign in there as bob; return its other lines."""
    verify = ssl.create_default_context(cafile=ca) if ca.exists() else True
    output = []
    with (
        subprocess.Popen(
            command, cwd=folder, env=clean_environment() | environment, text=True, encoding="utf-8",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ) as program,
        httpx2.Client(trust_env=False, verify=verify, follow_redirects=True) as browser,
    ):  # fmt: skip
        assert program.stdout
        try:
            for line in program.stdout:
                if line.startswith("Open "):
                    visit(browser, line.removeprefix("Open ").strip())
                else:
                    output.append(line.rstrip())
        except BaseException:
            program.kill()
            raise
    assert program.returncode == 0, "\n".join(output)
    return output


def visit(browser: httpx2.Client, url: str) -> None:
    """Act as a browser in which a person picks bob."""
    asked = httpx2.URL(url).copy_remove_param("prompt").copy_set_param("login_hint", BOB)
    page = browser.get(asked).text
    if form := re.search(r'<form method="post" action="([^"]+)"', page):
        fields = re.findall(r'name="([^"]+)" value="([^"]*)"', page)
        browser.post(unescape(form[1]), data={name: unescape(value) for name, value in fields})


@pytest.mark.parametrize("project", TYPED, indirect=True)
def test_msal_signs_in_renews_and_signs_out(project: Project, packages: Path, uv: str) -> None:
    page_port, other_port = free_ports()
    front_end = f"http://localhost:{page_port}"
    with running(project, uv, "--https", "--front-end", front_end) as (service, entra, log):
        ports = {"service": urlsplit(service).port or 0, "entra": entra, "page": page_port}
        said = log.read_text(encoding="utf-8")
        assert f"Front end at {front_end}: client id {client_id(front_end)}" in said
        ca = project.path / "dev" / "localhost-ca.pem"
        assert f"NODE_EXTRA_CA_CERTS={ca}" in said
        token = project.run(
            uv, "run", "python", "-m", "dev", "token", "--as", "bob", "--entra-port", str(entra)
        )  # fmt: skip
        bob = {"Authorization": f"Bearer {token.strip()}"}
        added = httpx2.post(
            f"{service}/api/todos", headers=bob, json={"title": "milk"}, trust_env=False
        )
        assert added.status_code == 201

        msal_for_python, msal_for_node, *_ = Document(project, "clients.md", **ports).code
        script = packages / "list_todos.py"
        script.write_text(msal_for_python + MSAL_FOR_PYTHON, encoding="utf-8")
        run = [uv, "run", "--quiet", "--project", str(project.path), "--with", "msal"]
        lines = signed_in(
            [*run, "python", str(script)],
            packages,
            {"REQUESTS_CA_BUNDLE": str(ca), "BROWSER": "echo Open %s &", "PYTHONUNBUFFERED": "1"},
            ca,
        )
        lines = [line for line in lines if not line.startswith("Found no browser")]
        assert "'title': 'milk'" in lines[0], lines
        assert lines[1] == "renewed identity_provider"
        assert lines[2].startswith("refused invalid_scope AADSTS70011"), lines
        assert lines[3] == "accounts 0"

        packages.joinpath("msal.mjs").write_text(msal_for_node + MSAL_FOR_NODE, encoding="utf-8")
        lines = signed_in(["node", "msal.mjs"], packages, {"NODE_EXTRA_CA_CERTS": str(ca)}, ca)
        assert "title: 'milk'" in "\n".join(lines), lines
        assert lines[-3] == "renewed false"
        assert lines[-2].startswith("refused invalid_grant"), lines
        assert "AADSTS70000" in lines[-2]
        assert lines[-1] == "accounts 0"

        html, _ = Document(project, "front-end.md", **ports).code
        packages.joinpath("index.html").write_text(html, encoding="utf-8")
        with serving(packages, page_port), browsing() as page:
            use_msal_in_a_page(page, front_end, service)
        # A page that is not registered.
        with serving(packages, other_port) as stranger, browsing() as page:
            page.goto(stranger)
            refused = page.evaluate(
                "url => fetch(url).then(() => 'answered', error => error.name)",
                f"{service}/api/todos",
            )
            assert refused == "TypeError"


@pytest.mark.parametrize("project", TYPED, indirect=True)
def test_daemon_with_a_certificate_reads_and_changes_nothing(project: Project, uv: str) -> None:
    with running(project, uv, "--https") as (service, entra, _):
        ports = {"service": urlsplit(service).port or 0, "entra": entra}
        trusted = {"REQUESTS_CA_BUNDLE": str(project.path / "dev" / "localhost-ca.pem")}

        def token_of(name: str) -> dict[str, str]:
            command = ["python", "-m", "dev", "token", "--as", name, "--entra-port", str(entra)]
            return {"Authorization": f"Bearer {project.run(uv, 'run', *command).strip()}"}

        http = httpx2.Client(base_url=f"{service}/api", trust_env=False)
        added = http.post("/todos", json={"title": "milk"}, headers=token_of("bob"))
        assert added.status_code == 201
        packages = ("azure-identity", "msal")
        for package, code in zip(
            packages, Document(project, "daemons.md", **ports).code, strict=True
        ):
            project.path.joinpath("script.py").write_text(code, encoding="utf-8")
            run = [uv, "run", "--with", package, "--with", "requests", "python", "script.py"]
            assert "'title': 'milk'" in project.run(*run, **trusted), package
        nightly = token_of("nightly")
        assert http.get("/todos", headers=nightly).json()["items"][0]["title"] == "milk"
        assert http.post("/todos", json={"title": "x"}, headers=nightly).status_code == 403
        assert http.delete(f"/todos/{added.json()['id']}", headers=nightly).status_code == 403
        assert http.get("/me", headers=nightly).status_code == 403
        assert http.get("/todos", headers=token_of("stranger")).status_code == 403
        http.close()


@pytest.mark.parametrize("name", TYPED)
def test_agent_works_through_every_tool(tmp_path: Path, uv: str, name: str) -> None:
    project = render(tmp_path, AGENTS[f"{name}, agents"])
    project.run(uv, "sync", "--locked")
    with running(project, uv) as (service, entra, _):
        (code,) = Document(project, "agents.md", service=urlsplit(service).port or 0).code
        project.path.joinpath("agent.py").write_text(code, encoding="utf-8")
        ask = ["python", "-m", "dev", "token", "--as", "bob", "--entra-port", str(entra)]
        environment = {
            "TOKEN": project.run(uv, "run", *ask).strip(),
            "BROWSER": "echo Open %s &",
            "PYTHONUNBUFFERED": "1",
        }
        command = [uv, "run", "--quiet", "python", "agent.py"]
        lines = signed_in(command, project.path, environment, Path("none"))
    assert lines[0] == "['list_todos', 'create_todo', 'change_todo', 'delete_todo']", lines
    assert "'title': 'Buy milk'" in lines[1]
    assert lines[2] == "{'result': 'Deleted: Buy milk'}"


def use_msal_in_a_page(page: Page, front_end: str, service: str) -> None:
    """Go through what a user of the page meets."""
    page.goto(front_end)
    shows(page, "Signed out")
    press(page, "List todos")
    shows(page, "Sign in first.")
    press(page, "Sign in")
    press(page, "Cancel")
    shows(page, "AADSTS65004")
    press(page, "Sign in")
    pick(page, "bob@")
    shows(page, f"Signed in as {BOB}")
    # The service refuses a token once, as it refuses one that has expired.
    tokens = []

    def expire(route: object) -> None:
        tokens.append(route.request.headers.get("authorization"))  # type: ignore[attr-defined]
        if len(tokens) == 1:
            headers = {"Access-Control-Allow-Origin": front_end}
            route.fulfill(status=401, headers=headers, json={"detail": "x"})  # type: ignore[attr-defined]
        else:
            route.continue_()  # type: ignore[attr-defined]

    page.route(f"{service}/api/todos", expire)
    press(page, "List todos")
    shows(page, "1 todos")
    assert page.get_by_role("listitem").all_inner_texts() == ["milk"]
    assert len(set(tokens)) == 2
    press(page, "Sign out")
    shows(page, "Signed out")
    press(page, "List todos")
    shows(page, "Sign in first.")
    press(page, "Sign in")
    pick(page, "gita@")
    shows(page, "Signed in as gita")
    press(page, "List todos")
    shows(page, "Guest")


@pytest.mark.parametrize("project", TYPED, indirect=True)
def test_libraries_for_openid_connect_sign_in_over_http(
    project: Project, packages: Path, uv: str
) -> None:
    page_port, program_port = free_ports()
    address = f"http://localhost:{page_port}/oidc.html"
    with running(project, uv, "--front-end", address) as (service, entra, _):
        ports = {"service": urlsplit(service).port or 0, "entra": entra, "page": page_port}
        _, _, openid_client, _ = Document(project, "clients.md", **ports, program=program_port).code
        packages.joinpath("list-todos-oidc.mjs").write_text(openid_client, encoding="utf-8")
        lines = signed_in(["node", "list-todos-oidc.mjs"], packages, {}, Path("none"))
        assert "items: []" in "\n".join(lines), lines

        _, html = Document(project, "front-end.md", **ports).code
        packages.joinpath("oidc.html").write_text(html, encoding="utf-8")
        with serving(packages, page_port), browsing() as page:
            page.goto(address)
            shows(page, "Signed out")
            press(page, "Sign in")
            pick(page, "bob@")
            shows(page, f"Signed in as {BOB}")
            before = stored_token(page)
            press(page, "Renew")
            page.wait_for_function(
                "before => !JSON.stringify(sessionStorage).includes(before)", arg=before
            )
            shows(page, f"Signed in as {BOB}")
            press(page, "Sign out")
            shows(page, "Signed out")
            assert parse_qs(urlsplit(page.url).query).keys() <= {"state"}


@pytest.mark.parametrize("project", TYPED, indirect=True)
def test_generated_client_creates_and_lists_todos(project: Project, uv: str) -> None:
    text = project.path.joinpath("docs", "clients.md").read_text(encoding="utf-8")
    section = text.partition("## Generate a client")[2]
    for command in re.findall(r"^uvx? .*$", section, re.MULTILINE):
        program, *arguments = command.split()
        project.run(uv, *(["tool", "run"] if program == "uvx" else []), *arguments)
    with running(project, uv) as (service, entra, _):
        *_, code = Document(project, "clients.md", service=urlsplit(service).port or 0).code
        script = project.path.parent / "use_client.py"
        script.write_text(code, encoding="utf-8")
        ask = ["-m", "dev", "token", "--as", "bob", "--entra-port", str(entra)]
        token = project.run(uv, "run", "python", *ask).strip()
        packages = ["--no-project", "--with", "attrs", "--with", "httpx"]
        said = project.run(uv, "run", *packages, "python", str(script), TOKEN=token)
    assert re.search(r"^Todo\(.*title='Buy milk'", said, re.MULTILINE), said
    assert re.search(r"^TodoPage\(items=\[Todo\(", said, re.MULTILINE), said


def stored_token(page: Page) -> str:
    """Return the access token that oidc-client-ts keeps."""
    stored: str = page.evaluate(
        "Object.entries(sessionStorage).find(([name]) => name.startsWith('oidc.user'))[1]"
    )
    return str(json.loads(stored)["access_token"])
