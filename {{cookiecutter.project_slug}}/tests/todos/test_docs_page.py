"""The todos on the docs page, in a real browser."""

from collections.abc import Callable

from tests.browser.visit import Visit

Open = Callable[..., Visit]


def test_every_operation_works_on_the_docs_page(visit: Open) -> None:
    bob = visit()
    bob.sign_in("bob")
    status, todo = bob.execute("create_todo", body={"title": "Buy milk"})
    assert (status, todo["title"]) == (201, "Buy milk")
    status, page = bob.execute("list_todos")
    assert (status, page["items"]) == (200, [todo])
    status, changed = bob.execute("update_todo", todo_id=todo["id"], body={"done": True})
    assert (status, changed["done"]) == (200, True)
    assert bob.execute("get_todo", todo_id=todo["id"]) == (200, changed)
    carol = visit(bob.service)
    carol.sign_in("carol")
    assert carol.execute("list_todos")[1]["items"] == []
    assert carol.execute("get_todo", todo_id=todo["id"])[0] == 403
    assert bob.execute("delete_todo", todo_id=todo["id"]) == (204, None)
{% if cookiecutter.app_roles %}


def test_app_role_decides_which_operations_succeed(visit: Open) -> None:
    bob = visit()
    bob.sign_in("bob")
    todo = bob.execute("create_todo", body={"title": "bob's"})[1]
    assert bob.execute("delete_all_todos")[0] == 403
    dave = visit(bob.service)
    dave.sign_in("dave")
    assert dave.execute("list_todos")[0] == 403
    alice = visit(bob.service)
    alice.sign_in("alice")
    assert alice.execute("list_todos")[1]["items"] == [todo]
    assert alice.execute("delete_all_todos")[0] == 204
    assert bob.execute("get_todo", todo_id=todo["id"])[0] == 404
{% endif %}
