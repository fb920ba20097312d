"""Reading a table of who may do what: a line for each request, a column for each person."""

from collections.abc import Callable
from typing import Any, NamedTuple

from fastapi.testclient import TestClient

Bearer = Callable[[str], dict[str, str]]

BODIES = {"POST": {"title": "milk"}, "PATCH": {"done": True}}


class Case(NamedTuple):
    """A cell of a table: what is sent, by whom, and the status that is expected."""

    method: str
    path: str
    person: str
    status: int

    def __str__(self) -> str:
        """Return the name of the test."""
        return f"{self.person} {self.method} {self.path}"


def cases(table: str) -> list[Case]:
    """Return the cells of a table."""
    (_, _, *people), *lines = (line.split() for line in table.strip().splitlines())
    return [
        Case(method, path, person, int(status))
        for method, path, *statuses in lines
        for person, status in zip(people, statuses, strict=True)
    ]


def status_of(client: TestClient, bearer: Bearer, case: Case) -> int:
    """Send the request of a cell; return the status.

    A path such as `bob's` stands for a todo that bob has just created.
    """
    path = case.path
    if path.endswith("'s"):
        path = todo_of(client, bearer, path.removesuffix("'s"))
    body = BODIES.get(case.method)
    return client.request(case.method, path, headers=bearer(case.person), json=body).status_code


def todo_of(client: TestClient, bearer: Bearer, person: str) -> str:
    """Create a todo of this person; return its path."""
    answer = client.post("/api/todos", json={"title": f"{person}'s"}, headers=bearer(person))
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


def titles(client: TestClient, bearer: Bearer, person: str, **query: Any) -> list[str]:
    """Return the titles that this person lists."""
    answer = client.get("/api/todos", headers=bearer(person), params=query)
    return [todo["title"] for todo in answer.json()["items"]]
