"""The commands in the documents work as typed, with nothing but what they install."""

import os
import re
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import (
    PATIENCE,
    TEMPLATE,
    TYPED,
    VARIANTS,
    Project,
    clean_environment,
    copy_template,
    render,
)
from tests.documents import PROGRAMS, SHELLS, Block, blocks_of, type_blocks
from tests.missing import need

Variant = Callable[[str], Project]

READY = "http://localhost:8000/health/ready"


def documents_of(project: Path) -> list[Block]:
    """Return the blocks of all documents, the README first.

    `test_guide.py` and `test_recipes.py` follow two of them, with the edits between their blocks.
    """
    pages = [project / "README.md", *sorted(project.glob("docs/*.md"))]
    pages.remove(project / "docs" / "make-it-yours.md")
    pages.remove(project / "docs" / "recipes.md")
    return [
        block for page in pages for block in blocks_of(page, page.relative_to(project).as_posix())
    ]


def user_environment(home: Path, uv: str) -> dict[str, str]:
    """Return the environment of a user with an empty home folder, git, uv and curl.

    uv's cache is shared, because it only makes installing faster.
    """
    cache = subprocess.run([uv, "cache", "dir"], capture_output=True, text=True, check=True)
    home.mkdir()
    git = {
        f"GIT_{role}_{key}": value
        for role in ("AUTHOR", "COMMITTER")
        for key, value in {"NAME": "A User", "EMAIL": "user@example.com"}.items()
    }
    environment = clean_environment() | git
    for name in ("CI", "UV", "UV_PROJECT_ENVIRONMENT"):
        environment.pop(name, None)
    path = os.pathsep.join([str(Path(uv).parent), "/usr/local/bin", "/usr/bin", "/bin"])
    return environment | {"HOME": str(home), "UV_CACHE_DIR": cache.stdout.strip(), "PATH": path}


def typed(blocks: list[Block]) -> list[Block]:
    """Return the blocks that are typed here."""
    return [block for block in blocks if block.language == "sh" and not block.reason]


@pytest.mark.parametrize("name", [*VARIANTS, "the template"])
def test_every_block_of_commands_is_typed_or_says_why_not(variant: Variant, name: str) -> None:
    if name == "the template":
        blocks = [
            block
            for page in ("README.md", "CONTRIBUTING.md")
            for block in blocks_of(TEMPLATE / page, page)
        ]
    else:
        blocks = documents_of(variant(name).path)
    for block in blocks:
        shell = block.language in SHELLS
        assert shell or block.language == "console" or not PROGRAMS.search(block.text), block
        assert shell or not block.reason, block
        assert block.language != "powershell" or block.reason, block
    skipped = Counter(block.reason for block in blocks if block.reason)
    print(f"{len(typed(blocks))} blocks are typed, {skipped.total()} are not: {dict(skipped)}")
    assert typed(blocks)


@pytest.mark.slow
@pytest.mark.parametrize("name", TYPED)
def test_documents_of_a_project_work_as_typed(tmp_path: Path, uv: str, name: str) -> None:
    need("bash", "curl", "git", "setsid")
    project = render(tmp_path / "folder", VARIANTS[name]).path
    environment = user_environment(tmp_path / "home", uv)
    blocks = typed(documents_of(project))
    printed = type_blocks(blocks, project, environment, ready=READY, seconds=PATIENCE)
    assert '"title":"Buy milk"' in printed
    assert '"request_id"' not in printed, "A request was refused."
    # One file runs twice, then everything, and everything again with coverage.
    counts = [int(count) for count in re.findall(r"(\d+) passed", printed)]
    assert len(counts) >= 4, printed
    assert max(counts) > 2 * min(counts)


@pytest.mark.slow
def test_documents_of_the_template_work_as_typed(tmp_path: Path, uv: str) -> None:
    need("bash", "curl", "git", "make", "setsid")
    clone = tmp_path / "clone"
    copy_template(clone)
    environment = user_environment(tmp_path / "home", uv)
    for page in ("README.md", "CONTRIBUTING.md"):
        blocks = typed(blocks_of(clone / page, page))
        type_blocks(blocks, clone, environment, ready=READY, seconds=PATIENCE)
