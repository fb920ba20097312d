"""Who can sign in on the docs page: people of the organisations on the list."""

from collections.abc import Callable

from dev.directory import CONTOSO
from tests.browser.visit import Visit

Open = Callable[..., Visit]


def test_people_of_both_tenants_are_offered(visit: Open) -> None:
    bob = visit()
    bob.sign_in("bob")
    erin = visit(bob.service)
    erin.sign_in("erin")
    assert erin.execute("me")[1]["name"] == "Erin"


def test_person_of_another_tenant_is_refused(visit: Open) -> None:
    erin = visit(allowed_tenant_ids=CONTOSO.id)
    erin.sign_in("erin")
    assert erin.execute("me")[0] == 401
