"""Follows a guide in Markdown literally: its files, edits, copies, deletions and commands.

The text itself is the script:

- "Create an empty `PATH`", "next to an empty `PATH`" create an empty file;
- a block of Python, or of `.env`, is a whole file, whose name is the last one in front of the block;
- a `diff` is an edit of that file, which contains its lines without `+` together and only once.
  `@@` separates places;
- "Copy `FOLDER` to `FOLDER`", "replace `WORD` with `WORD`" (in the copies), "the same replacements
  in `PATH`" and "Delete `PATH`" do what they say;
- a block of `sh` is typed. One that must fail has `<!-- fails: TEXT -->` in front of it, with
  text from its output; one that cannot run here has `<!-- not run: REASON -->`.
"""

import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.conftest import PATIENCE

TOKEN = re.compile(
    r"^<!-- fails: (?P<fails>.+?) -->$"
    r"|^<!-- not run: (?P<not_run>.+?) -->$"
    r"|^```(?P<language>\w+)\n(?P<text>.*?)^```$"
    r"|empty `(?P<empty>[^`]+)`"
    r"|[Cc]opy `(?P<source>[^`]+)`\s+to\s+`(?P<target>[^`]+)`"
    r"|replace\s+`(?P<old>\w+)`\s+with\s+`(?P<new>\w+)`"
    r"|same\s+replacements\s+in\s+(?P<also>`[^`]+`(?:(?:,|\s+and)\s+`[^`]+`)*)"
    r"|Delete\s+(?P<deleted>`[^`]+`(?:(?:,|\s+and)\s+`[^`]+`)*)"
    r"|create\s+`(?P<created>\.env)`"
    r"|`(?P<file>[\w./]+\.(?:py|example|http))`",
    re.MULTILINE | re.DOTALL,
)


class Guide:
    """Somebody who follows a guide in a project."""

    def __init__(self, project: Path, environment: Mapping[str, str]) -> None:
        self.project, self.environment = project, environment
        self.file = Path()
        self.copies: list[Path] = []
        self.replaced: list[tuple[str, str]] = []
        self.edited: set[str] = set()
        self.commands = 0

    def follow(self, text: str) -> None:
        """Follow this text to its end.

        Raises AssertionError, with the text or the output, at the first step that does not do what
        the text says.
        """
        fails, skip = "", False
        for token in TOKEN.finditer(text):
            found = {name: value for name, value in token.groupdict().items() if value is not None}
            if token["language"]:
                if not skip:
                    self._block(token["language"], token["text"], fails)
                fails, skip = "", False
            elif "fails" in found:
                fails = found["fails"]
            elif "not_run" in found:
                skip = True
            elif "empty" in found:
                self._write(found["empty"], "")
            elif "created" in found:
                self.file = self.project / found["created"]
            elif "file" in found:
                self.file = self.project / found["file"]
            else:
                self._change_files(found)

    def _change_files(self, found: Mapping[str, str]) -> None:
        """Copy, delete, or replace words in files, as a sentence says."""
        if "source" in found:
            copy = self.project / found["target"]
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(self.project / found["source"], copy, ignore=ignored)
            self.copies.append(copy)
        elif "old" in found:
            self.replaced.append((found["old"], found["new"]))
            for copy in self.copies:
                self._replace(copy.rglob("*.py"), self.replaced[-1:])
        elif "also" in found:
            self._replace(self._paths(found["also"]), self.replaced)
        else:
            for path in self._paths(found["deleted"]):
                self._delete(path)

    def _paths(self, text: str) -> list[Path]:
        """Return the paths that a text names."""
        return [self.project / path for path in re.findall(r"`([^`]+)`", text)]

    def _replace(self, files: Iterable[Path], words: list[tuple[str, str]]) -> None:
        for file in files:
            text = file.read_text(encoding="utf-8")
            for old, new in words:
                text = text.replace(old, new)
            file.write_text(text, encoding="utf-8", newline="\n")

    def _block(self, language: str, text: str, fails: str) -> None:
        if language == "sh":
            self._type(text, fails)
        elif language == "diff":
            for place in text.split("@@\n"):
                self._edit(place)
        else:
            self._write(str(self.file.relative_to(self.project)), text)

    def _write(self, path: str, text: str) -> None:
        file = self.project / path
        assert not file.exists(), f"{path} already exists."
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")

    def _edit(self, diff: str) -> None:
        lines = diff.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if not line.startswith("+"))
        after = "".join(line[1:] for line in lines if not line.startswith("-"))
        text = self.file.read_text(encoding="utf-8")
        # The context may end within a line.
        places = text.count("\n" + before.rstrip("\n"))
        assert places == 1, f"{self.file} has {places} places for this edit:\n{diff}"
        text = text.replace("\n" + before.rstrip("\n"), "\n" + after.rstrip("\n"))
        self.file.write_text(text, encoding="utf-8", newline="\n")
        self.edited.add(self.file.relative_to(self.project).as_posix())

    def _delete(self, path: Path) -> None:
        assert path.exists(), f"{path} does not exist."
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()

    def _type(self, commands: str, fails: str) -> None:
        ended = subprocess.run(
            ["bash", "-euxc", commands],
            cwd=self.project,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )
        output = ended.stdout + ended.stderr
        self.commands += 1
        if fails:
            assert ended.returncode != 0, f"{commands} did not fail:\n{output}"
            assert fails in output, f"The output does not contain {fails!r}:\n{output}"
        else:
            assert ended.returncode == 0, f"{commands} ended with {ended.returncode}:\n{output}"
