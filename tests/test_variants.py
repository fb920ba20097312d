"""Every variant, installed, checked, tested and used as a user would."""

import os
import re

import pytest

from template_text import RESERVED_SLUGS
from tests.conftest import TYPED, VARIANTS, Project, each_variant
from tests.pkce import Visitor
from tests.running import running

pytestmark = pytest.mark.slow

IN_FULL = (
    "single-tenant, roles, database",
    "single-tenant, no roles, memory",
    "multi-tenant, roles, memory",
    "multi-tenant, no roles, database",
)
"""The variants whose browser and fuzz tests run too; they cover every pair of answers."""


@each_variant
def test_first_commit_passes_its_hooks_after_uv_sync(project: Project, uv: str) -> None:
    project.run(uv, "run", "pre-commit", "install")
    project.run("git", "add", "--all")
    identity = ["-c", "user.name=A User", "-c", "user.email=user@example.com"]
    said = project.run("git", *identity, "commit", "--message", "Render the template")
    for hook in ("ruff format", "ruff check", "mypy", "uv lock"):
        assert re.search(rf"^{hook}\.+Passed$", said, re.MULTILINE), said


@each_variant
def test_path_argument_runs_only_that_file(project: Project, uv: str) -> None:
    for options in ([], ["--cov"]):
        said = project.run(uv, "run", "pytest", "-n", "0", "-v", "tests/test_settings.py", *options)
        tests = re.findall(r"^([^\s:]+)::", said, re.MULTILINE)
        assert set(tests) == {"tests/test_settings.py"}, said


MORE = (
    "tests/browser",
    "tests/fuzz",
    "tests/todos/test_docs_page.py",
    "tests/todos/test_properties.py",
    "tests/test_database_identity.py",
)
"""The tests that require more than `uv sync` installs."""


# In the variants in `TYPED`, the commands in the documents already run everything else.
@pytest.mark.parametrize(
    "name", [name for name in VARIANTS if name in IN_FULL or name not in TYPED]
)
def test_variant_passes_its_own_tests(project: Project, name: str, uv: str) -> None:
    options = ["-q", "-n", "0", "-p", "no:cacheprovider"]
    project.run(uv, "sync", "--locked", "--inexact", "--all-extras")
    if name in IN_FULL:
        project.run(uv, "sync", "--locked", "--all-groups", "--all-extras")
        project.run(uv, "run", "mypy", ".")
        if name in TYPED:
            options += [path for path in MORE if (project.path / path).exists()]
    else:
        options += [f"--ignore={path}" for path in MORE[:-1]]
        options += ["--cov", "--cov-fail-under=95"]
    output = project.run(uv, "run", "pytest", *options, CI=os.environ.get("CI", ""))
    assert re.search(r"^\d+ passed", output, re.MULTILINE), output
    assert name in IN_FULL or "Required test coverage of 95% reached" in output


@each_variant
def test_every_locked_package_is_a_reserved_name(project: Project) -> None:
    assert project.packages() <= RESERVED_SLUGS, project.packages() - RESERVED_SLUGS


@each_variant
def test_people_sign_in_with_pkce_and_use_the_service(project: Project, name: str, uv: str) -> None:
    answers = VARIANTS[name]
    with running(project, uv) as (service, entra_port, log), Visitor(service) as visitor:
        bob, carol, gita = (visitor.sign_in(person) for person in ("bob", "carol", "gita"))
        alice, dave = visitor.sign_in("alice"), visitor.sign_in("dave")
        assert visitor.call("GET", "/api/me", bob).json()["name"] == "Bob"

        created = visitor.call("POST", "/api/todos", bob, {"title": "Buy milk"})
        path = created.headers["location"]
        assert created.status_code == 201
        listed = visitor.call("GET", "/api/todos", bob).json()
        assert [todo["title"] for todo in listed["items"]] == ["Buy milk"]
        changed = visitor.call("PATCH", path, bob, {"done": True})
        assert changed.json()["done"] is True

        assert visitor.call("GET", path, {}).status_code == 401
        assert visitor.call("GET", path, carol).status_code == 403
        assert visitor.call("GET", path, gita).status_code == 403
        assert visitor.call("GET", path, dave).status_code == 403
        if answers["app_roles"]:
            assert visitor.call("GET", "/api/todos", dave).status_code == 403
            assert visitor.call("DELETE", "/api/todos", bob).status_code == 403
            assert visitor.call("GET", path, alice).status_code == 200
            assert visitor.call("DELETE", "/api/todos", alice).status_code == 204
        else:
            document = visitor.call("GET", "/openapi.json", {}).text
            assert not re.search(r"\brole", document, re.IGNORECASE)
            assert visitor.call("GET", "/api/todos", dave).json()["items"] == []
            assert visitor.call("GET", path, alice).status_code == 403
            assert visitor.call("DELETE", path, bob).status_code == 204
        assert visitor.call("GET", path, bob).status_code == 404

        if answers["tenancy"] == "multi-tenant":
            erin = visitor.sign_in("erin")
            assert visitor.call("GET", "/api/todos", erin).json()["items"] == []
        else:
            with pytest.raises(AssertionError, match="The account picker shows"):
                visitor.sign_in("erin")

        ask = [uv, "run", "python", "-m", "dev", "token", "--entra-port", str(entra_port), "--as"]
        token = project.run(*ask, "bob").strip()
        headers = {"Authorization": f"Bearer {token}"}
        assert visitor.call("GET", "/api/me", headers).json()["name"] == "Bob"
        stranger = {"Authorization": f"Bearer {project.run(*ask, 'erin').strip()}"}
        expected = 200 if answers["tenancy"] == "multi-tenant" else 401
        assert visitor.call("GET", "/api/me", stranger).status_code == expected
    written = log.read_text(encoding="utf-8")
    assert "who can sign in" in written.lower()
    assert token not in written
    assert token.split(".")[2] not in written
    print("\n".join(visitor.transcript))
