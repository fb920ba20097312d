"""What the local stand-in for Entra ID knows about agents."""

from app.agents import PATH
from dev.directory import Client

VS_CODE = Client(
    "aebc6443-996d-45c2-90f0-388ff96faa56",
    "Visual Studio Code",
    ("http://127.0.0.1", "https://vscode.dev/redirect"),
    single_page=False,
)


def tools_at(service: str) -> str:
    """Return the identifier URI of the tools of a service at this address."""
    return f"{service}{PATH}"
