"""A user who runs `register.py` of a rendered project, and the tenant that they are signed in to."""

import importlib
import importlib.util
import io
import os
import shutil
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import httpx2
import pytest
from starlette.responses import JSONResponse, Response

from tests.conftest import Project
from tests.graph import ALICE, TENANT, Directory, Wire, create_graph

ROLES, NO_ROLES = "single-tenant, roles, database", "single-tenant, no roles, memory"
MULTI_ROLES, MULTI = "multi-tenant, roles, memory", "multi-tenant, no roles, database"
EACH = (ROLES, NO_ROLES, MULTI_ROLES, MULTI)
API, DOCS = "todo-api", "todo-api-docs"
OWN_PACKAGES = {"app", "registration"}

Variant = Callable[[str], Project]


Change = Callable[[int, httpx2.Request, httpx2.Response], httpx2.Response]


class Proxy(httpx2.BaseTransport):
    """A proxy that may change the response to each request; it numbers the requests from one."""

    def __init__(self, directory: Directory, change: Change) -> None:
        self.wire, self.change, self.number = Wire(create_graph(directory)), change, 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the response, changed or not."""
        self.number += 1
        return self.change(self.number, request, self.wire.handle_request(request))


class Caller:
    """A user at the command line of a rendered project, and the tenant that they are signed in to."""

    def __init__(self, project: Project, folder: Path, capsys: Any = None) -> None:
        for name in (".env.example", "register.py", "registration", "README.md", "docs", "app"):
            source = project.path / name
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, folder / name)
        self.folder, self.capsys = folder, capsys
        self.start_over()
        self.load()
        self.out = self.err = ""

    def start_over(self) -> None:
        """Replace the tenant with an empty one, and remove `.env`."""
        self.directory = Directory()
        self.http = httpx2.Client(transport=Wire(create_graph(self.directory)))
        self.slept: list[float] = []
        self.asked: list[tuple[Any, ...]] = []
        self.env.unlink(missing_ok=True)

    def go_through(self, change: Change) -> None:
        """Send every further request through a proxy."""
        self.http = httpx2.Client(transport=Proxy(self.directory, change))

    def load(self) -> None:
        """Import the script again, as a new run does."""
        modules = load(self.folder)
        self.script = modules.register
        self.wanted, self.setting = modules.wanted, modules.tenancy.tenancy.SETTING
        self.env_with: Callable[[str, dict[str, str]], str] = modules.env.env_with
        self.read_env_file: Callable[[Path], dict[str, str]] = modules.env_file.read_env_file

    def sign_in(self, *asked: Any) -> str:
        """Record the request and return a token."""
        self.asked.append(asked)
        return "a token"

    def run(self, *argv: str, sign_in: Callable[..., str] | None = None) -> int:
        """Run a command, keep what it prints, and return its exit status."""
        try:
            status = self.script.main(
                self.script.__doc__,
                list(argv),
                http=self.http,
                sign_in=sign_in or self.sign_in,
                sleep=self.slept.append,
            )
        except SystemExit as ended:
            status = int(ended.code or 0)
        if self.capsys:
            self.out, self.err = self.capsys.readouterr()
        return int(status)

    @property
    def env(self) -> Path:
        """The project's `.env`."""
        return self.folder / ".env"

    def values(self) -> dict[str, str]:
        """Return the variables of `.env`, as the service reads them."""
        return self.read_env_file(self.env)


def load(folder: Path) -> SimpleNamespace:
    """Import the script of a rendered project and some of its modules, apart from other projects'."""
    spec = importlib.util.spec_from_file_location("register", folder / "register.py")
    assert spec
    assert spec.loader
    register = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(folder))
        forget(patched)
        spec.loader.exec_module(register)
        found: dict[str, ModuleType] = {
            name.rpartition(".")[2]: importlib.import_module(name)
            for name in (
                "registration.wanted",
                "registration.tenancy",
                "registration.env",
                "app.env_file",
            )
        }
        for name in own_modules():
            del sys.modules[name]
    return SimpleNamespace(register=register, **found)


def own_modules() -> list[str]:
    """Return the names of the imported modules of rendered projects."""
    return [name for name in sys.modules if name.partition(".")[0] in OWN_PACKAGES]


def forget(patched: pytest.MonkeyPatch) -> None:
    """Remove the modules of other rendered projects until the patch is undone."""
    for name in own_modules():
        patched.delitem(sys.modules, name)


@pytest.fixture
def nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pipe in nothing, and remove the settings from the environment."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    for name in ("ENTRA_TENANT_ID", "ALLOWED_TENANT_IDS", "API_CLIENT_ID", "SWAGGER_UI_CLIENT_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def caller(
    nothing_given: None,
    variant: Variant,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Caller:
    """Return a user in a rendered project, by default with the default answers."""
    return Caller(variant(getattr(request, "param", ROLES)), tmp_path, capsys)


each_variant = pytest.mark.parametrize("caller", EACH, indirect=True)
single_tenant = pytest.mark.parametrize("caller", [ROLES, NO_ROLES], indirect=True)
with_roles = pytest.mark.parametrize("caller", [ROLES, MULTI_ROLES], indirect=True)
without_roles = pytest.mark.parametrize("caller", [NO_ROLES, MULTI], indirect=True)


def is_right(caller: Caller) -> None:
    """Assert that the tenant and `.env` are as `apply` should leave them."""
    directory, wanted = caller.directory, caller.wanted
    api, docs = directory.application(API), directory.application(DOCS)
    clients = [app for app in directory.applications.values() if wanted.CLIENT in app["tags"]]
    assert len(directory.applications) == 2 + len(clients)
    assert api["api"]["requestedAccessTokenVersion"] == 2
    (scope,) = api["api"]["oauth2PermissionScopes"]
    assert scope == wanted.API["api"]["oauth2PermissionScopes"][0]
    assert api["identifierUris"] == [f"api://{api['appId']}"]
    assert {claim["name"] for claim in api["optionalClaims"]["accessToken"]} == {"idtyp", "acct"}
    multi = caller.setting == "ALLOWED_TENANT_IDS"
    for app in (api, docs):
        assert app["signInAudience"] == ("AzureADMultipleOrgs" if multi else "AzureADMyOrg")
        assert app["tags"] == ["created-by:register.py"]
    assert docs["spa"]["redirectUris"][0] == "http://localhost:8000/oauth2-redirect"
    assert docs["requiredResourceAccess"] == [
        {
            "resourceAppId": api["appId"],
            "resourceAccess": [{"id": scope["id"], "type": "Scope"}],
        }
    ]
    pages = [docs, *(app for app in clients if app["spa"]["redirectUris"])]
    allowed = api["api"]["preAuthorizedApplications"]
    assert {one["appId"] for one in allowed} == {app["appId"] for app in pages}
    assert all(one["delegatedPermissionIds"] == [scope["id"]] for one in allowed)
    known = {app["appId"] for app in pages} if multi else set()
    assert set(api["api"]["knownClientApplications"]) == known
    principal = directory.principal(api["appId"])
    directory.principal(docs["appId"])
    roles = ["Admin", "User"] if wanted.ROLE_VALUES else []
    assert [role["value"] for role in api["appRoles"]] == [*roles, "Todos.Read.All"]
    members = [role["allowedMemberTypes"] for role in api["appRoles"]]
    assert members == [["User"]] * len(roles) + [["Application"]]
    assert principal["appRoleAssignmentRequired"] == bool(roles)
    assert directory.assigned_to(ALICE) == roles[:1]
    values = caller.values()
    assert values[caller.setting] == TENANT["id"]
    assert values["API_CLIENT_ID"] == api["appId"]
    assert values["SWAGGER_UI_CLIENT_ID"] == docs["appId"]
    if os.name == "posix":
        assert stat.S_IMODE(caller.env.stat().st_mode) == 0o600


TAMPERING: dict[str, Callable[[dict[str, Any], dict[str, Any]], Any]] = {
    "scope off": lambda api, docs: [
        scope.update(isEnabled=False) for scope in api["api"]["oauth2PermissionScopes"]
    ],
    "scope renamed": lambda api, docs: [
        scope.update(value="user_impersonation") for scope in api["api"]["oauth2PermissionScopes"]
    ],
    "text changed": lambda api, docs: [
        item.update(adminConsentDescription="x") for item in api["api"]["oauth2PermissionScopes"]
    ],
    "v1 tokens": lambda api, docs: api["api"].update(requestedAccessTokenVersion=None),
    "type Web": lambda api, docs: (
        docs["web"].update(redirectUris=docs["spa"].pop("redirectUris"))
        or docs.update(spa={"redirectUris": []})
    ),
    "no pre-authorisation": lambda api, docs: api["api"].update(preAuthorizedApplications=[]),
    "no permission": lambda api, docs: docs.update(requiredResourceAccess=[]),
    "no claims": lambda api, docs: api.update(optionalClaims=None),
    "no identifier URI": lambda api, docs: api.update(identifierUris=[]),
}
"""Changes that somebody makes in the portal, by name."""


def broken(kind: str | int) -> Response | Exception:
    """Return the response to a request that fails, or the exception that it raises."""
    if isinstance(kind, str):
        return httpx2.ConnectError("the connection was lost")
    body = {"error": {"code": "Broken", "message": "on purpose"}}
    return JSONResponse(body, kind, headers={"Retry-After": "7"})
