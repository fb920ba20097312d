"""Microsoft Graph v1.0 in memory: the part that `register.py` uses, as documented.

It refuses what the documentation and public reports say is refused: unknown and read-only properties,
a duplicate assignment or credential, an assignment to the wrong type of member, a change to an enabled
scope or app role, and a unique name that a deleted registration still holds. `Directory` controls its behaviour: the caller's rights, how long a replica lags, and
which requests fail.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import unquote

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Json = dict[str, Any]

TENANT = {"id": "c0000000-0000-4000-8000-00000000c050", "displayName": "Contoso"}
ALICE = {
    "id": "a11ce000-0000-4000-8000-000000000001",
    "userPrincipalName": "alice@contoso.example",
}
BOB = {"id": "b0b00000-0000-4000-8000-000000000002", "userPrincipalName": "bob@contoso.example"}
PAGE = 2

TEXTS = [str]
URIS = {"redirectUris": TEXTS}
CLAIMS = [{"name": str, "essential": bool, "source": str, "additionalProperties": TEXTS}]
SCOPE = {
    "id": str,
    "type": str,
    "value": str,
    "isEnabled": bool,
    "adminConsentDisplayName": str,
    "adminConsentDescription": str,
    "userConsentDisplayName": str,
    "userConsentDescription": str,
}
APPLICATION = {
    "displayName": str,
    "uniqueName": str,
    "signInAudience": str,
    "identifierUris": TEXTS,
    "tags": TEXTS,
    "notes": str,
    "api": {
        "acceptMappedClaims": bool,
        "knownClientApplications": TEXTS,
        "requestedAccessTokenVersion": int,
        "oauth2PermissionScopes": [SCOPE],
        "preAuthorizedApplications": [{"appId": str, "delegatedPermissionIds": TEXTS}],
    },
    "appRoles": [
        {
            "id": str,
            "value": str,
            "displayName": str,
            "description": str,
            "isEnabled": bool,
            "allowedMemberTypes": TEXTS,
        }
    ],
    "optionalClaims": {"accessToken": CLAIMS, "idToken": CLAIMS, "saml2Token": CLAIMS},
    "spa": URIS,
    "publicClient": URIS,
    "web": URIS | {"homePageUrl": str, "logoutUrl": str, "implicitGrantSettings": dict},
    "requiredResourceAccess": [
        {"resourceAppId": str, "resourceAccess": [{"id": str, "type": str}]}
    ],
}
PRINCIPAL = {"appRoleAssignmentRequired": bool, "tags": TEXTS, "accountEnabled": bool}
ASSIGNMENT = {"principalId": str, "resourceId": str, "appRoleId": str}
CREDENTIAL = {
    "name": str,
    "issuer": str,
    "subject": str,
    "audiences": TEXTS,
    "description": str,
}
MOST_CREDENTIALS = 20
GRANT = {"clientId": str, "consentType": str, "resourceId": str, "principalId": str, "scope": str}


class GraphError(Exception):
    """An error response."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def missing(what: str) -> GraphError:
    """Return the error for an object that does not exist."""
    text = f"Resource '{what}' does not exist or one of its queried reference-property objects are not present."
    return GraphError(404, "Request_ResourceNotFound", text)


def bad(message: str) -> GraphError:
    """Return the error for an invalid request."""
    return GraphError(400, "Request_BadRequest", message)


def check(value: Any, shape: Any, name: str = "") -> None:
    """Refuse a property that is unknown, read-only or of the wrong type."""
    if value is None and not isinstance(shape, dict):
        return
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            raise bad(f"A value of property '{name}' is not an object.")
        for key, part in value.items():
            if key not in shape:
                raise bad(f"Invalid property '{key}'.")
            check(part, shape[key], key)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            raise bad(f"A value of property '{name}' is not a collection.")
        for item in value:
            check(item, shape[0], name)
    elif not isinstance(value, shape):
        raise bad(f"A value of property '{name}' has an incompatible type.")


@dataclass
class Directory:
    """A tenant, and the behaviour of Microsoft Graph for it."""

    me: Json | None = field(default_factory=lambda: dict(ALICE))
    users: list[Json] = field(default_factory=lambda: [dict(ALICE), dict(BOB)])
    rights: set[str] = field(default_factory=lambda: {"register", "assign", "consent", "purge"})
    organizations: list[Json] = field(default_factory=lambda: [TENANT])
    """The tenants that the caller sees: one, or none with a personal account."""
    lag: int = 0
    """How many requests miss a new object before the replica knows it."""
    fault: Callable[[int, str, str], Response | Exception | None] = lambda *_: None
    """What a request gets instead of its response, by its number, method and path."""
    breaks_after: bool = False
    """Whether a request with a fault is carried out and only its response lost."""
    echoes: bool = True
    """Whether an upsert that creates an object returns 201 with a body, rather than 204."""
    applications: dict[str, Json] = field(default_factory=dict)
    deleted: dict[str, Json] = field(default_factory=dict)
    principals: dict[str, Json] = field(default_factory=dict)
    assignments: dict[str, Json] = field(default_factory=dict)
    grants: dict[str, Json] = field(default_factory=dict)
    credentials: dict[str, Json] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    calls: list[tuple[str, str]] = field(default_factory=list)
    unseen: Counter[str] = field(default_factory=Counter)

    def new_id(self) -> str:
        """Return an unused id."""
        return f"1d000000-0000-4000-8000-{next(self.numbers):012d}"

    @property
    def writes(self) -> list[tuple[str, str]]:
        """The requests other than GET."""
        return [call for call in self.calls if call[0] != "GET"]

    def application(self, unique_name: str) -> Json:
        """Return the registration with this unique name."""
        (found,) = (a for a in self.applications.values() if a["uniqueName"] == unique_name)
        return found

    def principal(self, app_id: str) -> Json:
        """Return the service principal with this client id."""
        (found,) = (p for p in self.principals.values() if p["appId"] == app_id)
        return found

    def add_application(self, unique_name: str | None, **properties: Any) -> Json:
        """Create a registration, with every property that Microsoft Graph returns."""
        made: Json = {
            "id": self.new_id(),
            "appId": self.new_id(),
            "uniqueName": unique_name,
            "displayName": "",
            "signInAudience": "AzureADandPersonalMicrosoftAccount",
            "identifierUris": [],
            "tags": [],
            "notes": None,
            "api": {
                "acceptMappedClaims": None,
                "knownClientApplications": [],
                "requestedAccessTokenVersion": None,
                "oauth2PermissionScopes": [],
                "preAuthorizedApplications": [],
            },
            "appRoles": [],
            "optionalClaims": None,
            "spa": {"redirectUris": []},
            "publicClient": {"redirectUris": []},
            "web": {
                "homePageUrl": None,
                "logoutUrl": None,
                "redirectUris": [],
                "implicitGrantSettings": {"enableIdTokenIssuance": False},
                "redirectUriSettings": [],
            },
            "requiredResourceAccess": [],
            "keyCredentials": [],
        }
        self.applications[made["id"]] = made
        self.change(made, properties)
        return made

    def add_managed_identity(self, name: str) -> Json:
        """Create a managed identity: a service principal without a registration."""
        ids = {"id": self.new_id(), "appId": self.new_id()}
        kind = {"servicePrincipalType": "ManagedIdentity"}
        made: Json = ids | kind | {"displayName": name, "tags": [], "accountEnabled": True}
        self.principals[made["id"]] = made
        return made

    def assigned_to(self, principal: Json) -> list[str]:
        """Return the values of the app roles that are assigned to a user or service principal."""
        roles = {role["id"]: role for app in self.applications.values() for role in app["appRoles"]}
        return [
            roles[one["appRoleId"]]["value"]
            for one in self.assignments.values()
            if one["principalId"] == principal["id"]
        ]

    def change(self, app: Json, body: Json) -> None:
        """Update a registration as PATCH does."""
        check(body, APPLICATION)
        if body.get("uniqueName", app["uniqueName"]) != app["uniqueName"] and app["uniqueName"]:
            raise bad("Property 'uniqueName' is immutable.")
        if "uniqueName" in body:
            self.refuse_taken(body["uniqueName"], app["id"])
        if "displayName" in body and not body["displayName"]:
            raise bad("Property 'displayName' is required.")
        api = app["api"] | body.get("api", {})
        self.refuse_enabled(app["api"]["oauth2PermissionScopes"], api["oauth2PermissionScopes"])
        result = app | body | {"api": api}
        self.refuse_enabled(app["appRoles"], result["appRoles"])
        # A scope has to exist before the request that pre-authorises a client for it.
        known = {scope["id"] for scope in app["api"]["oauth2PermissionScopes"]}
        for client in body.get("api", {}).get("preAuthorizedApplications", []):
            if not known.issuperset(client["delegatedPermissionIds"]):
                raise bad(
                    "Property api.preAuthorizedApplications.delegatedPermissionIds has a Permission "
                    "Id that cannot be found in the AppPermissions sets."
                )
        for platform in ("spa", "publicClient", "web"):
            result[platform] = app[platform] | body.get(platform, {})
        uris = [
            uri for name in ("spa", "publicClient", "web") for uri in result[name]["redirectUris"]
        ]
        if len(uris) != len(set(uris)):
            raise bad("A redirect URI is in more than one platform.")
        items = [*api["oauth2PermissionScopes"], *result["appRoles"]]
        for key in ("id", "value"):
            if len({item[key] for item in items}) != len(items):
                raise bad(f"Property '{key}' of a permission is not unique.")
        result["appRoles"] = [role | {"origin": "Application"} for role in result["appRoles"]]
        for claims in (result["optionalClaims"] or {}).values():
            claims[:] = [{"source": None, "additionalProperties": []} | claim for claim in claims]
        app.update(result)

    def refuse_enabled(self, before: list[Json], after: list[Json]) -> None:
        """Refuse to change or remove a scope or app role that is enabled."""
        for old in before:
            new = next((item for item in after if item["id"] == old["id"]), None)
            kept = {key: value for key, value in old.items() if key not in {"isEnabled", "origin"}}
            same = new and kept == {key: new.get(key) for key in kept}
            if old["isEnabled"] and not same:
                raise GraphError(
                    400,
                    "CannotDeleteOrUpdateEnabledEntitlement",
                    "Permission (scope or role) cannot be deleted or updated unless disabled first.",
                )

    def refuse_taken(self, unique_name: str, own: str = "") -> None:
        """Refuse a unique name that another registration holds, even a deleted one."""
        for app in [*self.applications.values(), *self.deleted.values()]:
            if app["uniqueName"] == unique_name and app["id"] != own:
                raise bad(
                    "Another object with the same value for property uniqueName already exists."
                )

    def seen(self, made: Json) -> bool:
        """Whether the replica already knows this object; counts down its lag."""
        if self.unseen[made["id"]] > 0:
            self.unseen[made["id"]] -= 1
            return False
        return True


def find(directory: Directory, objects: dict[str, Json], key: str) -> Json:
    """Return the object that the end of a path identifies: `/{id}` or `(property='value')`."""
    named = re.fullmatch(r"\((\w+)='([^']*)'\)", key)
    name, value = named.groups() if named else ("id", key.removeprefix("/"))
    for candidate in objects.values():
        if candidate.get(name) == value and directory.seen(candidate):
            return candidate
    raise missing(value)


def page(request: Request, objects: list[Json]) -> Response:
    """Return a page of the objects that match `$filter`."""
    for term in filter(None, request.query_params.get("$filter", "").split(" and ")):
        match = re.fullmatch(r"(\w+)(?:/any\((\w+):\2)? eq '((?:[^']|'')*)'(\))?", term)
        if not match or (match[2] is None) != (match[4] is None):
            raise bad("Invalid filter clause.")
        name, value = match[1], match[3].replace("''", "'")
        objects = [
            each
            for each in objects
            if (value in each.get(name, []) if match[2] else each.get(name) == value)
        ]
    start = int(request.query_params.get("$skiptoken", "0"))
    body: Json = {"value": objects[start : start + PAGE]}
    if start + PAGE < len(objects):
        rest = request.url.include_query_params(**{"$skiptoken": start + PAGE})
        body["@odata.nextLink"] = str(rest)
    return JSONResponse(body)


def demand_registering(directory: Directory) -> None:
    """Refuse a caller without the right to register applications."""
    if "register" not in directory.rights:
        raise GraphError(
            403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
        )


async def applications(directory: Directory, request: Request, key: str) -> Response:
    """Serve app registrations and their federated identity credentials."""
    if "/federatedIdentityCredentials" in key:
        return await credentials(directory, request, key)
    if request.method == "GET":
        visible = [
            app for app in directory.applications.values() if not directory.unseen[app["id"]]
        ]
        found = key and find(directory, directory.applications, key)
        return JSONResponse(found) if found else page(request, visible)
    demand_registering(directory)
    if request.method == "DELETE":
        app = find(directory, directory.applications, key)
        directory.deleted[app["id"]] = directory.applications.pop(app["id"])
        for principal in list(directory.principals.values()):
            if principal["appId"] == app["appId"]:
                remove_principal(directory, principal)
        return Response(status_code=204)
    body = await request.json()
    unique = re.fullmatch(r"\(uniqueName='([^']+)'\)", key)
    if not unique:
        directory.change(find(directory, directory.applications, key), body)
        return Response(status_code=204)
    for app in directory.applications.values():
        if app["uniqueName"] == unique[1]:
            directory.change(app, body)
            return Response(status_code=204)
    if request.headers.get("Prefer") != "create-if-missing":
        raise missing(unique[1])
    if "displayName" not in body:
        raise bad("Property 'displayName' is required.")
    directory.refuse_taken(unique[1])
    check(body, APPLICATION)
    made = directory.add_application(unique[1], **body)
    directory.unseen[made["id"]] = directory.lag
    return JSONResponse(made, 201) if directory.echoes else Response(status_code=204)


async def credentials(directory: Directory, request: Request, key: str) -> Response:
    """Serve the federated identity credentials of a registration."""
    owner, _, key = key.partition("/federatedIdentityCredentials")
    app = find(directory, directory.applications, owner)
    there = [one for one in directory.credentials.values() if one["owner"] == app["id"]]
    if request.method == "GET":
        return page(request, [{k: v for k, v in one.items() if k != "owner"} for one in there])
    demand_registering(directory)
    body = await request.json()
    check(body, CREDENTIAL)
    (name,) = re.findall(r"\(name='([\w-]{3,120})'\)", key)
    found = next((one for one in there if one["name"] == name), None)
    if not found and request.headers.get("Prefer") != "create-if-missing":
        raise missing(name)
    result = {"name": name, "description": None} | (found or {}) | body
    if result["name"] != name:
        raise bad("Property 'name' is immutable.")
    refuse_credential(result, [one for one in there if one["name"] != name])
    if found:
        found.update(result)
        return Response(status_code=204)
    made = {"id": directory.new_id(), "owner": app["id"]} | result
    directory.credentials[made["id"]] = made
    return JSONResponse(made, 201) if directory.echoes else Response(status_code=204)


def refuse_credential(wanted: Json, others: list[Json]) -> None:
    """Refuse a federated identity credential that Entra ID could not tell from another, or use."""
    for key in ("issuer", "subject"):
        if not wanted.get(key) or len(wanted[key]) > 600 or "*" in wanted[key]:
            raise GraphError(
                400, "InvalidFederatedIdentityCredentialValue", f"The {key} is invalid."
            )
    if len(wanted.get("audiences", [])) != 1:
        raise GraphError(
            400, "InvalidFederatedIdentityCredentialValue", "Expected exactly one audience."
        )
    if any(
        (one["issuer"], one["subject"]) == (wanted["issuer"], wanted["subject"]) for one in others
    ):
        raise GraphError(
            400,
            "InvalidFederatedIdentityCredentialValue",
            "The combination of issuer and subject must be unique for the application. "
            f"Issuer {wanted['issuer']} and Subject: {wanted['subject']} already exist.",
        )
    if len(others) >= MOST_CREDENTIALS:
        raise bad("The application has the maximum number of federated identity credentials.")


async def principals(directory: Directory, request: Request, key: str) -> Response:
    """Serve service principals and their app role assignments."""
    if key.endswith("/appRoleAssignedTo"):
        principal = find(directory, directory.principals, key.removesuffix("/appRoleAssignedTo"))
        return await assigned(directory, request, principal)
    if request.method == "GET":
        return JSONResponse(find(directory, directory.principals, key))
    demand_registering(directory)
    if request.method == "DELETE":
        remove_principal(directory, find(directory, directory.principals, key))
        return Response(status_code=204)
    body = await request.json()
    check(body, PRINCIPAL)
    (app_id,) = re.findall(r"\(appId='([^']+)'\)", key)
    for principal in directory.principals.values():
        if principal["appId"] == app_id:
            principal.update(body)
            return Response(status_code=204)
    app = next((app for app in directory.applications.values() if app["appId"] == app_id), None)
    if app is None or not directory.seen(app):
        raise bad(f"The appId '{app_id}' does not reference a valid application object.")
    defaults: Json = {"appRoleAssignmentRequired": False, "accountEnabled": True}
    defaults |= {"displayName": app["displayName"], "servicePrincipalType": "Application"}
    made = {"id": directory.new_id(), "appId": app_id} | defaults | body
    made["tags"] = [*body.get("tags", []), *app["tags"]]
    directory.principals[made["id"]] = made
    directory.unseen[made["id"]] = directory.lag
    return JSONResponse(made, 201) if directory.echoes else Response(status_code=204)


async def assigned(directory: Directory, request: Request, principal: Json) -> Response:
    """Serve the app role assignments of a service principal."""
    there = [a for a in directory.assignments.values() if a["resourceId"] == principal["id"]]
    if request.method == "GET":
        return page(request, there)
    if "assign" not in directory.rights:
        raise GraphError(
            403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
        )
    body = await request.json()
    check(body, ASSIGNMENT)
    app = next(a for a in directory.applications.values() if a["appId"] == principal["appId"])
    if body["resourceId"] != principal["id"]:
        raise bad("The resource of the assignment is not the one in the path.")
    user = next((user for user in directory.users if user["id"] == body["principalId"]), None)
    if user:
        member, name = "User", user["userPrincipalName"]
    else:
        found = find(directory, directory.principals, f"/{body['principalId']}")
        member, name = "Application", found["displayName"]
    if not any(
        role["id"] == body["appRoleId"]
        and role["isEnabled"]
        and member in role["allowedMemberTypes"]
        for role in app["appRoles"]
    ):
        raise bad("Permission being assigned was not found on application.")
    if any(body.items() <= assignment.items() for assignment in there):
        raise bad("Permission being assigned already exists on the object.")
    made = {"id": directory.new_id(), "principalDisplayName": name} | body
    directory.assignments[made["id"]] = made
    return JSONResponse(made, 201)


def remove_principal(directory: Directory, principal: Json) -> None:
    """Remove a service principal, with its assignments and grants."""
    del directory.principals[principal["id"]]
    for objects in (directory.assignments, directory.grants):
        for key, value in list(objects.items()):
            ends = (value["resourceId"], value.get("clientId"), value.get("principalId"))
            if principal["id"] in ends:
                del objects[key]


async def grants(directory: Directory, request: Request, key: str) -> Response:
    """Serve delegated permission grants."""
    if request.method == "GET":
        return page(request, list(directory.grants.values()))
    if "consent" not in directory.rights:
        raise GraphError(
            403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
        )
    body = await request.json()
    check(body, GRANT)
    if request.method == "PATCH":
        find(directory, directory.grants, key).update(body)
        return Response(status_code=204)
    keys = ("clientId", "resourceId", "consentType")
    for grant in directory.grants.values():
        if all(grant[key] == body[key] for key in keys):
            raise GraphError(
                409, "Request_MultipleObjectsWithSameKeyValue", "Permission entry already exists."
            )
    for name in ("clientId", "resourceId"):
        find(directory, directory.principals, body[name])
    made = {"id": directory.new_id()} | body
    directory.grants[made["id"]] = made
    return JSONResponse(made, 201)


async def deleted(directory: Directory, request: Request, key: str) -> Response:
    """Serve deleted registrations that can still be restored."""
    if request.method == "GET":
        return page(request, list(directory.deleted.values()))
    if "purge" not in directory.rights:
        raise GraphError(
            403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
        )
    gone = directory.deleted.pop(find(directory, directory.deleted, key)["id"])
    for credential in list(directory.credentials.values()):
        if credential["owner"] == gone["id"]:
            del directory.credentials[credential["id"]]
    return Response(status_code=204)


async def me(directory: Directory, request: Request, key: str) -> Response:
    """Serve the signed-in user."""
    if directory.me is None:
        raise GraphError(
            400, "BadRequest", "/me request is only valid with delegated authentication flow."
        )
    return JSONResponse(directory.me)


async def users(directory: Directory, request: Request, key: str) -> Response:
    """Serve users, by username or object id."""
    name = unquote(key.removeprefix("/"))
    for user in directory.users:
        if name in (user["id"], user["userPrincipalName"]):
            return JSONResponse(user)
    raise missing(name)


async def organization(directory: Directory, request: Request, key: str) -> Response:
    """Serve the tenant."""
    return JSONResponse({"value": directory.organizations})


ROUTES = {
    "/applications": applications,
    "/servicePrincipals": principals,
    "/oauth2PermissionGrants": grants,
    "/directory/deletedItems/microsoft.graph.application": deleted,
    "/directory/deletedItems": deleted,
    "/me": me,
    "/users": users,
    "/organization": organization,
}


def create_graph(directory: Directory) -> Starlette:
    """Return Microsoft Graph for this directory, with the discovery document of Entra ID."""

    async def graph(request: Request) -> Response:
        path = request.url.path.removeprefix("/v1.0")
        directory.calls.append((request.method, path))
        number = len(directory.calls)
        fault = directory.fault(number, request.method, path)
        if fault is not None and not directory.breaks_after:
            return thrown(fault)
        if not request.headers.get("Authorization", "").startswith("Bearer "):
            return error(GraphError(401, "InvalidAuthenticationToken", "Access token is empty."))
        for prefix, serve in ROUTES.items():
            if path == prefix or path.startswith((f"{prefix}/", f"{prefix}(")):
                try:
                    response = await serve(directory, request, path.removeprefix(prefix))
                except GraphError as refusal:
                    response = error(refusal)
                return response if fault is None else thrown(fault)
        return error(bad(f"Resource not found for the segment '{path}'."))

    async def discovery(request: Request) -> Response:
        tenant = request.path_params["tenant"]
        known = {"organizations": "{tenantid}", TENANT["id"]: TENANT["id"]}
        if tenant not in known:
            text = f"AADSTS90002: Tenant '{tenant}' not found."
            return JSONResponse({"error": "invalid_tenant", "error_description": text}, 400)
        root = issuing = f"https://{request.url.netloc}"
        if root.endswith(".ciamlogin.com"):
            # The issuer of External ID has the tenant in its host, whatever the address was.
            issuing = f"https://{tenant}.ciamlogin.com"
        return JSONResponse(
            {
                "issuer": f"{issuing}/{known[tenant]}/v2.0",
                "jwks_uri": f"{root}/{tenant}/discovery/v2.0/keys",
            }
        )

    async def keys(_: Request) -> Response:
        return JSONResponse({"keys": [{"kid": "1", "kty": "RSA"}]})

    methods = ["GET", "PATCH", "POST", "DELETE"]
    return Starlette(
        routes=[
            Route("/v1.0/{rest:path}", graph, methods=methods),
            Route("/{tenant}/v2.0/.well-known/openid-configuration", discovery),
            Route("/{tenant}/discovery/v2.0/keys", keys),
        ]
    )


def thrown(fault: Response | Exception) -> Response:
    """Return the fault, or raise it if it is an exception."""
    if isinstance(fault, Exception):
        raise fault
    return fault


def error(refusal: GraphError) -> Response:
    """Return an error as Microsoft Graph formats it."""
    body = {"error": {"code": refusal.code, "message": str(refusal), "innerError": {}}}
    return JSONResponse(body, refusal.status)


class Wire(httpx2.BaseTransport):
    """A synchronous transport to an ASGI application in this process."""

    def __init__(self, app: Starlette) -> None:
        self.app = httpx2.ASGITransport(app)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the application's response."""

        async def answered() -> httpx2.Response:
            response = await self.app.handle_async_request(request)
            content = await response.aread()
            return httpx2.Response(response.status_code, headers=response.headers, content=content)

        return asyncio.run(answered())
