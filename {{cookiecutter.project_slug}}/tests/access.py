"""Access tables: a line for each request, a column for each person or daemon.

In a path such as `/api/notes/{bob}`, `{bob}` is the id of an item that bob has just created.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from fastapi.testclient import TestClient

Bearer = Callable[[str], dict[str, str]]
Bodies = Mapping[str, object]
"""The JSON body to send with each method."""


class Case(NamedTuple):
    """A cell of a table: a request, the person who sends it, and the expected status."""

    method: str
    path: str
    person: str
    status: int

    def __str__(self) -> str:
        """Return the id of the test."""
        return f"{self.person} {self.method} {self.path}"


def cases(table: str) -> list[Case]:
    """Return the cells of a table."""
    (_, _, *people), *lines = (line.split() for line in table.strip().splitlines())
    return [
        Case(method, path, person, int(status))
        for method, path, *statuses in lines
        for person, status in zip(people, statuses, strict=True)
    ]


def status_of(client: TestClient, bearer: Bearer, case: Case, bodies: Bodies) -> int:
    """Send the request of a cell; return the status."""
    path = case.path
    if owned := re.fullmatch(r"(.*)/\{(\w+)\}(.*)", path):
        path = created(client, bearer, owned[1], owned[2], bodies["POST"]) + owned[3]
    body = bodies.get(case.method)
    return client.request(case.method, path, headers=bearer(case.person), json=body).status_code


def created(client: TestClient, bearer: Bearer, path: str, person: str, body: Any) -> str:
    """Create an item for a person; return its path."""
    response = client.post(path, json=body, headers=bearer(person))
    assert response.status_code == 201, response.text
    return str(response.headers["location"])
