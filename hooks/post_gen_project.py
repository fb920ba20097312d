"""Removes what was not chosen and prepares the project for its first command."""

import shutil
import subprocess
import sys
from pathlib import Path

ANSWERS = {
    "tenancy": "{{ cookiecutter.tenancy }}",
    "app_roles": "{{ cookiecutter.app_roles }}",
    "storage": "{{ cookiecutter.storage }}",
    "deployment": "{{ cookiecutter.deployment }}",
}
SLUG = "{{ cookiecutter.project_slug }}"

# Each path belongs to an answer, or to two, and is removed when another was given.
PATHS_OF = {
    ("tenancy", "single-tenant"): [
        "docs/images/account-picker-single-tenant-roles.png",
        "docs/images/account-picker-single-tenant.png",
        "tests/test_single_tenant.py",
    ],
    ("tenancy", "multi-tenant"): [
        "docs/images/account-picker-multi-tenant-roles.png",
        "docs/images/account-picker-multi-tenant.png",
        "tests/test_multi_tenant.py",
    ],
    ("app_roles", "True"): [
        "docs/images/account-picker-multi-tenant-roles.png",
        "docs/images/account-picker-single-tenant-roles.png",
        "docs/images/docs-page-roles.png",
        "tests/test_access_with_roles.py",
    ],
    ("app_roles", "False"): [
        "docs/images/account-picker-multi-tenant.png",
        "docs/images/account-picker-single-tenant.png",
        "docs/images/docs-page.png",
        "tests/test_access_without_roles.py",
    ],
    ("storage", "database"): [
        "app/azure.py",
        "app/database.py",
        "app/todos/database.py",
        "dev/migrate.py",
        "docs/scaling.md",
        "infra/database.bicep",
        "migrations",
        "tests/postgresql.py",
        "tests/stores_database.py",
        "tests/test_azure.py",
        "tests/test_database.py",
    ],
    ("storage", "memory"): ["app/todos/memory.py", "tests/stores_memory.py"],
    ("deployment", "azure-container-apps"): [
        "azure.yaml",
        "docs/azure.md",
        "infra",
        "infra/database.bicep",
    ],
}

LOCK_SECONDS = 120


def remove_unchosen(project, answers):
    """Delete every path that belongs to an answer that was not given."""
    for (prompt, answer), paths in PATHS_OF.items():
        if answers[prompt] == answer:
            continue
        for path in paths:
            target = project / path
            if target.is_dir():
                shutil.rmtree(target)
            else:
                target.unlink(missing_ok=True)


def succeeds(command, project, seconds):
    """Run a command quietly; return whether it ended well within the time."""
    try:
        ended = subprocess.run(command, cwd=project, capture_output=True, timeout=seconds)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ended.returncode == 0


def make_repository(project):
    """Make a git repository unless there is one around the project; return what to do by hand."""
    git = shutil.which("git")
    if git is None:
        return "git is not installed: run `git init` when it is, to put the project under version control."
    if succeeds([git, "rev-parse", "--is-inside-work-tree"], project, 30):
        return "This is within a git repository: its pre-commit hooks and workflows have to stand at its root."
    if succeeds([git, "init", "--quiet"], project, 30):
        return None
    return "No git repository could be made here: run `git init` to see why."


def lock_dependencies(project):
    """Write `uv.lock`, which the Dockerfile installs from; return what to do by hand."""
    uv = shutil.which("uv")
    if uv is None:
        return "uv is not installed: install it, then run `uv lock` to pin the dependencies."
    if succeeds([uv, "lock"], project, LOCK_SECONDS):
        return None
    return "The dependencies could not be pinned (no network?): run `uv lock` later."


def main():
    """Finish the project and say how to go on."""
    project = Path.cwd()
    remove_unchosen(project, ANSWERS)
    for advice in (make_repository(project), lock_dependencies(project)):
        if advice:
            print(advice)
    print(f"\nDone. Next:\n\n    cd {SLUG}")
    print("    uv run python -m dev      the service with local sign-in, at http://localhost:8000/docs")
    print("    uv run pytest             its tests\n")


if __name__ == "__main__":
    sys.exit(main())
