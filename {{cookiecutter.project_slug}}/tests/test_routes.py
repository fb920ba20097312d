"""No route without a rule: each is public on purpose, or asks for a caller."""

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from app.identity.caller import SignIn

PUBLIC = {
    "/",
    "/health",
    "/health/live",
    "/health/ready",
    "/docs",
    "/oauth2-redirect",
    "/openapi.json",
    "/swagger-ui",
}


def asks_for_caller(dependant: Dependant) -> bool:
    """Whether this dependency, or one that it depends on, signs the request in."""
    return isinstance(dependant.call, SignIn) or any(map(asks_for_caller, dependant.dependencies))


def test_every_route_is_public_on_purpose_or_asks_for_a_caller(client: TestClient) -> None:
    assert isinstance(client.app, FastAPI)
    guarded: set[str | None] = set()
    open_to_all: set[str | None] = set()
    for route in iter_route_contexts(client.app.routes):
        dependant = getattr(route, "dependant", None)
        signs_in = dependant is not None and asks_for_caller(dependant)
        (guarded if signs_in else open_to_all).add(route.path)
    assert guarded == {"/api/me", "/api/todos", "/api/todos/{todo_id}"}
    assert open_to_all == PUBLIC
