{% set refused = ": refused" if cookiecutter.tenancy == "single-tenant" else "" %}
"""The tenants, people, daemons and app registrations of the local stand-in for Entra ID."""

from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

from app.permissions import APPLICATION_PERMISSIONS

API_CLIENT_ID = "a9100000-0000-4000-8000-000000000001"
DOCS_CLIENT_ID = "d0c50000-0000-4000-8000-000000000002"
COMMAND_CLIENT_ID = "c0de0000-0000-4000-8000-000000000003"


@dataclass(frozen=True)
class Tenant:
    """A tenant of an organisation."""

    name: str
    id: str
    domain: str


@dataclass(frozen=True)
class Person:
    """A person who can sign in, without a password."""

    name: str
    tenant: Tenant
    object_id: str
    note: str
    roles: tuple[str, ...] = ()
    guest_from: Tenant | None = None

    @property
    def username(self) -> str:
        """The name with which the person signs in."""
        return f"{self.name}@{(self.guest_from or self.tenant).domain}"

    @property
    def badges(self) -> tuple[str, ...]:
        """What the account picker shows next to the name."""
        guest = ("Guest",) if self.guest_from else ()
        return (*self.roles, *guest)


@dataclass(frozen=True)
class Daemon:
    """An application that signs in on its own behalf, with a certificate."""

    name: str
    tenant: Tenant
    client_id: str
    object_id: str
    """The object id of its service principal."""
    note: str
    permissions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Client:
    """An app registration of a client of the API."""

    id: str
    name: str
    redirect_uris: tuple[str, ...]
    single_page: bool
    """Whether it is a single-page application; otherwise it is a program on the user's machine."""

    @property
    def origins(self) -> frozenset[str]:
        """The origins of its pages."""
        pages = map(urlsplit, self.redirect_uris if self.single_page else ())
        return frozenset(f"{page.scheme}://{page.netloc}" for page in pages)


CONTOSO = Tenant("Contoso", "c0000000-0000-4000-8000-00000000c050", "contoso.example")
FABRIKAM = Tenant("Fabrikam", "fa000000-0000-4000-8000-00000000fab0", "fabrikam.example")
TENANTS = (CONTOSO, FABRIKAM)

{% if cookiecutter.app_roles %}
PEOPLE = (
    Person(
        "alice",
        CONTOSO,
        "a11ce000-0000-4000-8000-000000000001",
        "Admin: reads and changes the data of everyone in Contoso",
        roles=("Admin",),
    ),
    Person(
        "bob",
        CONTOSO,
        "b0b00000-0000-4000-8000-000000000002",
        "User: has data of his own",
        roles=("User",),
    ),
    Person(
        "carol",
        CONTOSO,
        "ca501000-0000-4000-8000-000000000003",
        "User: has data of her own",
        roles=("User",),
    ),
    Person(
        "dave",
        CONTOSO,
        "da5e0000-0000-4000-8000-000000000004",
        "no role: signs in, and is refused where a role is required",
    ),
    Person(
        "gita",
        CONTOSO,
        "917a0000-0000-4000-8000-000000000005",
        "User, guest from Fabrikam: refused, because guests may not sign in",
        roles=("User",),
        guest_from=FABRIKAM,
    ),
    Person(
        "erin",
        FABRIKAM,
        "e5140000-0000-4000-8000-000000000006",
        "Admin of another tenant{{ refused }}",
        roles=("Admin",),
    ),
    Person(
        "frank",
        FABRIKAM,
        "f5a4c000-0000-4000-8000-000000000007",
        "User of another tenant{{ refused }}",
        roles=("User",),
    ),
)
{% elif not cookiecutter.app_roles %}
PEOPLE = (
    Person(
        "alice",
        CONTOSO,
        "a11ce000-0000-4000-8000-000000000001",
        "has data of her own",
    ),
    Person(
        "bob",
        CONTOSO,
        "b0b00000-0000-4000-8000-000000000002",
        "has data of his own",
    ),
    Person(
        "carol",
        CONTOSO,
        "ca501000-0000-4000-8000-000000000003",
        "has data of her own",
    ),
    Person(
        "dave",
        CONTOSO,
        "da5e0000-0000-4000-8000-000000000004",
        "has data of his own",
    ),
    Person(
        "gita",
        CONTOSO,
        "917a0000-0000-4000-8000-000000000005",
        "guest from Fabrikam: refused, because guests may not sign in",
        guest_from=FABRIKAM,
    ),
    Person(
        "erin",
        FABRIKAM,
        "e5140000-0000-4000-8000-000000000006",
        "in another tenant{{ refused }}",
    ),
    Person(
        "frank",
        FABRIKAM,
        "f5a4c000-0000-4000-8000-000000000007",
        "in another tenant{{ refused }}",
    ),
)
{% endif %}


DAEMONS = (
    Daemon(
        "nightly",
        CONTOSO,
        "de300000-0000-4000-8000-000000000004",
        "5e4c0000-0000-4000-8000-000000000008",
        "has every application permission",
        tuple(permission.value for permission in APPLICATION_PERMISSIONS),
    ),
    Daemon(
        "stranger",
        CONTOSO,
        "de300000-0000-4000-8000-000000000005",
        "5e4c0000-0000-4000-8000-000000000009",
        "no permission: signs in, and is refused",
    ),
)


def daemon_called(name: str) -> Daemon | None:
    """Return the daemon with this name, or None if there is none."""
    return next((daemon for daemon in DAEMONS if daemon.name == name), None)


def person_called(name: str) -> Person:
    """Return the person with this name; raise KeyError if there is none."""
    return {person.name: person for person in PEOPLE}[name]


def docs_page(port: int) -> Client:
    """Return the registration of the docs page of a service on this port."""
    redirect = f"http://localhost:{port}/oauth2-redirect"
    return Client(DOCS_CLIENT_ID, "Docs page", (redirect,), single_page=True)


def front_end(url: str) -> Client:
    """Return the registration of a developer's own front end, a single-page application at this URL.

    Its client id is derived from the URL, so it stays the same.
    """
    redirects: tuple[str, ...] = (url,)
    if urlsplit(url).path in {"", "/"}:
        # The trailing slash of a redirect URI without a path does not matter.
        url = url.rstrip("/")
        redirects = (url, f"{url}/")
    client_id = str(uuid5(NAMESPACE_URL, url))
    return Client(client_id, f"Front end at {url}", redirects, single_page=True)


COMMAND = Client(COMMAND_CLIENT_ID, "python -m dev token", ("http://localhost",), single_page=False)
