"""The requests in `requests.http`, sent to a running service."""

import re
from collections.abc import Callable
from pathlib import Path

import httpx2

from dev.directory import COMMAND
from dev.entra import StandIn
from dev.token import fetch_token
from tests.live import free_port
from tests.waiting import wait_until

FILE = Path(__file__).parent.parent / "requests.http"


def filled_in(text: str, variables: dict[str, str]) -> str:
    """Return the text with the values of its variables."""
    return re.sub(r"\{\{(\w+)\}\}", lambda name: variables[name[1]], text)


def test_every_request_of_the_file_succeeds(live: Callable[..., str]) -> None:
    port = free_port()
    service = live(StandIn(f"http://localhost:{port}", [COMMAND]))
    ready = f"{service}/health/ready"
    wait_until(lambda: httpx2.get(ready, trust_env=False).status_code == 200)
    head, *requests = re.split(r"^### .*\n", FILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    variables = dict(re.findall(r"^@(\w+) = (.+)$", head, re.MULTILINE))
    assert variables | {"token": "TOKEN", "id": "ID"} == variables
    variables |= {"service": service, "token": fetch_token("bob", port)}
    statuses = []
    for request in requests:
        lines, _, body = filled_in(request, variables).strip().partition("\n\n")
        first, *fields = lines.split("\n")
        method, url = first.split(" ")
        headers = dict(field.split(": ", 1) for field in fields)
        with httpx2.Client(trust_env=False) as client:
            response = client.request(method, url, headers=headers, content=body or None)
        assert response.is_success, (first, response.text)
        if method == "POST":
            variables["id"] = response.json()["id"]
        statuses.append(response.status_code)
    assert statuses == [200, 200, 201, 200, 200, 200, 204]
