"""The hooks: what they refuse, remove, run and print."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import EVERY_VARIANT, TEMPLATE, render
from tests.hooks import ANSWERS, hook, rendered_hook


@pytest.fixture
def post_gen(tmp_path: Path) -> dict[str, Any]:
    """Return the names that the post-generation hook defines."""
    return hook("post_gen_project", tmp_path)


with_scripts = pytest.mark.skipif(
    os.name != "posix", reason="Windows starts no script by its first line: see docs/windows.md"
)


def tool(folder: Path, name: str, script: str) -> None:
    """Create a command with this name and this Python script in a folder."""
    program = folder / name
    program.write_text(f"#!{sys.executable}\n{script}\n")
    program.chmod(0o755)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only folder on PATH, which is empty."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("UV", raising=False)
    return folder


@pytest.mark.parametrize("name", ["pre_gen_project", "post_gen_project"])
def test_rendered_hook_passes_mypy(name: str, tmp_path: Path) -> None:
    configured = ["--config-file", str(TEMPLATE / "pyproject.toml")]
    rendered = rendered_hook(name, tmp_path)
    command = [sys.executable, "-m", "mypy", *configured, str(rendered)]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout


def test_valid_answers_have_no_fault_and_invalid_ones_have_one(tmp_path: Path) -> None:
    faults = hook("pre_gen_project", tmp_path)["faults"]
    answers = {key: str(value) for key, value in ANSWERS.items()}
    assert faults(answers) == []
    assert len(faults(answers | {"project_slug": ""})) == 1
    assert faults(answers | {"storage": "cloud"}) == [
        "storage must be one of database, memory; got 'cloud'"
    ]


def test_table_lists_only_paths_that_exist(post_gen: dict[str, Any]) -> None:
    project = TEMPLATE / "{{cookiecutter.project_slug}}"
    for paths in post_gen["PATHS_OF"].values():
        for path in paths:
            assert (project / path).exists(), path


@pytest.mark.parametrize("answers", EVERY_VARIANT.values(), ids=EVERY_VARIANT)
def test_files_of_other_answers_are_removed(
    post_gen: dict[str, Any], tmp_path: Path, answers: dict[str, Any]
) -> None:
    project = tmp_path / "project"
    for paths in post_gen["PATHS_OF"].values():
        for path in paths:
            target = project / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if not path.endswith("/"):
                target.touch()
    chosen = {key: str(value) for key, value in answers.items()}
    assert post_gen["remove_unchosen"](project, chosen) == []
    assert post_gen["remove_unchosen"](project, chosen) == []
    unchosen = {
        path
        for (prompt, answer), paths in post_gen["PATHS_OF"].items()
        for path in paths
        if chosen[prompt] != answer
    }
    every_path = {path for paths in post_gen["PATHS_OF"].values() for path in paths}
    for path in every_path:
        assert (project / path).exists() == (path not in unchosen), path


def test_files_of_the_user_are_kept_and_listed(post_gen: dict[str, Any], tmp_path: Path) -> None:
    own = tmp_path / "migrations" / "versions" / "0002_colours.py"
    own.parent.mkdir(parents=True)
    own.with_name("0001_todos.py").touch()
    own.touch()
    answers = {key: str(value) for key, value in ANSWERS.items()} | {"storage": "memory"}
    left_over = post_gen["remove_unchosen"](tmp_path, answers)
    assert left_over == ["migrations/versions/0002_colours.py"]
    assert [path.name for path in own.parent.iterdir()] == [own.name]


@with_scripts
@pytest.mark.parametrize("fresh", [True, False])
def test_interrupted_hook_removes_only_a_new_project(
    tmp_path: Path, tools: Path, fresh: bool
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    if fresh:
        (project / ".unfinished-render").touch()
    rendered = Path(hook("post_gen_project", tmp_path)["__file__"])
    tool(tools, "uv", "import os, signal; os.kill(os.getppid(), signal.SIGINT)")
    ended = subprocess.run(
        [sys.executable, rendered],
        cwd=project,
        env={"UV": str(tools / "uv"), "PATH": str(tools)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 130
    assert "Traceback" not in ended.stderr
    assert project.exists() != fresh


def test_repository_is_created_without_a_commit(post_gen: dict[str, Any], tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    assert post_gen["make_repository"](project) is None
    head = ["git", "-C", str(project), "rev-parse", "--verify", "HEAD"]
    assert (project / ".git").is_dir()
    assert subprocess.run(head, capture_output=True, check=False).returncode != 0


def test_no_repository_is_created_inside_another(post_gen: dict[str, Any], tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    project = tmp_path / "project"
    project.mkdir()
    assert "The project is inside another git repository" in post_gen["make_repository"](project)
    assert not (project / ".git").exists()


def test_existing_repository_needs_no_advice(post_gen: dict[str, Any], tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    assert post_gen["make_repository"](tmp_path) is None


@pytest.mark.parametrize(
    ("shell", "expected"),
    [(".", f"cd '{Path('my projects', 'todo-api')}'"), ("my projects/todo-api", None)],
)
def test_cd_command_starts_from_the_folder_of_the_user(
    post_gen: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shell: str,
    expected: str | None,
) -> None:
    project = tmp_path / "my projects" / "todo-api"
    project.mkdir(parents=True)
    monkeypatch.setenv("PWD", str(tmp_path / shell))
    assert post_gen["way_to"](project) == expected
    monkeypatch.delenv("PWD")
    assert post_gen["way_to"](project) == f"cd '{project}'"


def test_missing_git_gives_advice_in_one_line(
    post_gen: dict[str, Any], tmp_path: Path, tools: Path
) -> None:
    advice = post_gen["make_repository"](tmp_path)
    assert "run `git init`" in advice
    assert "\n" not in advice


@with_scripts
def test_failing_git_gives_advice(post_gen: dict[str, Any], tmp_path: Path, tools: Path) -> None:
    tool(tools, "git", "raise SystemExit(1)")
    assert "Run `git init` to see why" in post_gen["make_repository"](tmp_path)


def test_missing_uv_gives_advice_in_one_line(
    post_gen: dict[str, Any], tmp_path: Path, tools: Path
) -> None:
    advice = post_gen["lock_dependencies"](tmp_path)
    assert "run `uv lock`" in advice
    assert "\n" not in advice


@with_scripts
@pytest.mark.parametrize("script", ["raise SystemExit(2)", "import time; time.sleep(30)"])
def test_failing_or_hanging_uv_gives_advice(
    post_gen: dict[str, Any], tmp_path: Path, tools: Path, script: str
) -> None:
    tool(tools, "uv", script)
    post_gen["lock_dependencies"].__globals__["LOCK_SECONDS"] = 1
    assert "Run `uv lock` when" in post_gen["lock_dependencies"](tmp_path)


@with_scripts
def test_uv_lock_runs_in_the_project(post_gen: dict[str, Any], tmp_path: Path, tools: Path) -> None:
    tool(tools, "uv", "import sys; open('locked', 'w').write(sys.argv[1])")
    assert post_gen["lock_dependencies"](tmp_path) is None
    assert (tmp_path / "locked").read_text() == "lock"


def test_render_for_an_update_prints_nothing(
    tmp_path: Path,
    tools: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = tmp_path / "todo-api"
    project.mkdir()
    (project / ".cruft.json").touch()
    monkeypatch.setenv("PWD", str(project))
    render(tmp_path / "for the update", {})
    assert capfd.readouterr().out == ""
    render(project / "another", {})
    assert "run `uv lock`" in capfd.readouterr().out


def test_render_without_git_and_uv_succeeds_with_advice(
    tmp_path: Path,
    tools: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PWD", str(tmp_path))
    project = render(tmp_path, {})
    said = capfd.readouterr().out
    assert said.count("run `git init`") == said.count("run `uv lock`") == 1
    assert "cd todo-api\n    uv run python -m dev" in said
    assert project.path.joinpath("app", "main.py").exists()
    assert not project.path.joinpath(".unfinished-render").exists()
