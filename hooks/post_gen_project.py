"""Remove the files of other answers, and prepare the project for its first command."""

import os
import shlex
import shutil
import subprocess
import sys
from io import TextIOWrapper
from pathlib import Path

ANSWERS = {
    "tenancy": "{{ cookiecutter.tenancy }}",
    "app_roles": "{{ cookiecutter.app_roles }}",
    "storage": "{{ cookiecutter.storage }}",
    "deployment": "{{ cookiecutter.deployment }}",
    "mcp": "{{ cookiecutter.mcp }}",
}
# The pre-generation hook creates this file if the folder is new.
UNFINISHED = ".unfinished-render"

# The files of each answer. A file listed under several answers is kept if all of them were given. A
# folder ends in a slash, and is removed once it is empty: anything else in it belongs to the user.
PATHS_OF = {
    ("tenancy", "single-tenant"): [
        "app/tenancy_single.py",
        "dev/tenancy_single.py",
        "docs/customers.md",
        "docs/images/account-picker-single-tenant-roles.png",
        "docs/images/account-picker-single-tenant.png",
        "registration/single_tenant.py",
        "tests/browser/test_one_organisation.py",
        "tests/test_external_tenant.py",
        "tests/test_single_tenant.py",
    ],
    ("tenancy", "multi-tenant"): [
        "app/tenancy_multi.py",
        "dev/tenancy_multi.py",
        "docs/images/account-picker-multi-tenant-roles.png",
        "docs/images/account-picker-multi-tenant.png",
        "registration/multi_tenant.py",
        "tests/browser/test_organisations.py",
        "tests/test_multi_tenant.py",
        "tests/todos/test_tenants.py",
        "tests/todos/test_tenants_with_roles.py",
    ],
    ("app_roles", "True"): [
        "docs/images/account-picker-multi-tenant-roles.png",
        "docs/images/account-picker-single-tenant-roles.png",
        "docs/images/docs-page-roles.png",
        "tests/browser/test_app_roles.py",
        "tests/test_roles.py",
        "tests/todos/test_access_with_roles.py",
        "tests/todos/test_tenants_with_roles.py",
    ],
    ("app_roles", "False"): [
        "docs/images/account-picker-multi-tenant.png",
        "docs/images/account-picker-single-tenant.png",
        "docs/images/docs-page.png",
        "tests/todos/test_access_without_roles.py",
    ],
    ("storage", "database"): [
        "app/database/",
        "app/database/__init__.py",
        "app/database/database.py",
        "app/database/engine.py",
        "app/database/errors.py",
        "app/database/managed_identity.py",
        "app/database/revision.py",
        "app/database/tables.py",
        "app/todos/database.py",
        "dev/migrate.py",
        "docs/scaling.md",
        "infra/database.bicep",
        "migrations/",
        "migrations/env.py",
        "migrations/script.py.mako",
        "migrations/versions/0001_todos.py",
        "tests/distribution.py",
        "tests/postgresql.py",
        "tests/storage_database.py",
        "tests/test_database.py",
        "tests/test_database_errors.py",
        "tests/test_database_identity.py",
        "tests/test_database_settings.py",
        "tests/test_distribution.py",
        "tests/test_local_database.py",
        "tests/test_migrations.py",
        "tests/todos/test_queries.py",
    ],
    ("storage", "memory"): [
        "app/memory.py",
        "app/todos/memory.py",
        "tests/storage_memory.py",
        "tests/test_memory.py",
    ],
    ("deployment", "azure-container-apps"): [
        "azure.yaml",
        "docs/azure.md",
        "infra/",
        "infra/database.bicep",
        "infra/main.bicep",
        "infra/main.parameters.json",
        "infra/service.bicep",
    ],
    ("mcp", "True"): [
        "app/agents.py",
        "dev/agents.py",
        "docs/agents.md",
        "registration/agents.py",
        "tests/test_access_agents.py",
        "tests/test_agents.py",
    ],
}

LOCK_SECONDS = 120


def remove_unchosen(project: Path, answers: dict[str, str]) -> list[str]:
    """Delete the files of answers that were not given; return the files that are left over.

    Files that the template did not create are kept. They can exist because the user rendered the
    template over an earlier project that had other answers.
    """
    unchosen = [
        path for key, paths in PATHS_OF.items() if answers[key[0]] != key[1] for path in paths
    ]
    for path in unchosen:
        if not path.endswith("/"):
            (project / path).unlink(missing_ok=True)
    folders = [project / path for path in unchosen if path.endswith("/")]
    return [path.relative_to(project).as_posix() for folder in folders for path in pruned(folder)]


def pruned(folder: Path) -> list[Path]:
    """Delete the empty folders in a folder, and the folder itself if empty; return its files."""
    for cache in list(folder.rglob("__pycache__")):
        shutil.rmtree(cache)
    inside = sorted(folder.rglob("*"), reverse=True)
    for path in [path for path in (*inside, folder) if path.is_dir()]:
        try:
            path.rmdir()
        except OSError:
            continue
    return [path for path in reversed(inside) if path.is_file()]


def succeeds(command: list[str], project: Path, seconds: float) -> bool:
    """Run a command without output; return whether it succeeded within this many seconds."""
    try:
        ended = subprocess.run(command, cwd=project, capture_output=True, timeout=seconds)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ended.returncode == 0


def make_repository(project: Path) -> str | None:
    """Create a git repository unless the project is in one; return advice for the user."""
    git = shutil.which("git")
    if git is None:
        return "git is not installed. Install it, then run `git init`."
    if (project / ".git").exists():
        return None
    if succeeds([git, "rev-parse", "--is-inside-work-tree"], project, 30):
        return (
            "The project is inside another git repository. Git and GitHub use only the pre-commit"
            " hooks and workflows at the root of a repository: move them there if you need them."
        )
    if succeeds([git, "init", "--quiet"], project, 30):
        return None
    return "The git repository could not be created. Run `git init` to see why."


def lock_dependencies(project: Path) -> str | None:
    """Write `uv.lock`, which the Dockerfile installs from; return advice for the user."""
    # uvx sets UV to its own path, and may not be on PATH.
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        return "uv is not installed. Install it, then run `uv lock` to pin the dependencies."
    if succeeds([uv, "lock"], project, LOCK_SECONDS):
        return None
    return "The dependencies could not be pinned. Run `uv lock` when the network is available."


def way_to(project: Path) -> str | None:
    """Return the command that changes to the project's folder, or None if the user is there."""
    # Cookiecutter changes the current folder, but PWD still names the user's.
    shell = Path(os.environ.get("PWD", ""))
    if not shell.is_absolute() or not shell.is_dir():
        return f"cd {shlex.quote(str(project))}"
    if shell.samefile(project):
        return None
    try:
        return f"cd {shlex.quote(os.path.relpath(project, shell.resolve()))}"
    except ValueError:  # another drive of Windows
        return f"cd {shlex.quote(str(project))}"


def is_for_update(project: Path) -> bool:
    """Return whether `cruft update`, run in the user's project, compares this render with another.

    Such a render creates the same files as any other, because cruft compares them, and prints less.
    """
    shell = Path(os.environ.get("PWD", ""))
    return (shell / ".cruft.json").is_file() and not project.is_relative_to(shell.resolve())


def finish(project: Path) -> None:
    """Finish the project and print the next commands."""
    for path in remove_unchosen(project, ANSWERS):
        print(f"Left over from other answers: {path}. Delete it if you no longer need it.")
    advice = [make_repository(project), lock_dependencies(project)]
    if is_for_update(project):
        return
    for line in filter(None, advice):
        print(line)
    lines = [
        way_to(project),
        "uv run python -m dev      the service with local sign-in, at http://localhost:8000/docs",
        "uv run pytest             the tests",
    ]
    print("\nDone. Next:\n")
    print("\n".join(f"    {line}" for line in lines if line), end="\n\n")


def main() -> None:
    """Finish the project; on Ctrl-C, remove it if this render created it."""
    project = Path.cwd()
    unfinished = project / UNFINISHED
    try:
        finish(project)
        unfinished.unlink(missing_ok=True)
    except KeyboardInterrupt:
        if unfinished.exists():
            # Windows does not remove the current folder.
            os.chdir(project.parent)
            shutil.rmtree(project, ignore_errors=True)
        sys.exit(130)


if __name__ == "__main__":
    # A console that lacks a character of a path must not stop the hook.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    main()
