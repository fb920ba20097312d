"""What a project changes so that its todos have one more field, a note."""

from collections.abc import Mapping, Sequence
from pathlib import Path

Edits = Mapping[str, Sequence[tuple[str, str]]]
"""By file, the texts to replace, each with its replacement."""

EDITS: dict[str, list[tuple[str, str]]] = {
    "app/todos/schemas.py": [
        (
            "    done: StrictBool = False\n",
            "    done: StrictBool = False\n    note: Title | None = None\n",
        ),
        ("    done: bool\n", "    done: bool\n    note: str | None = None\n"),
    ],
    "app/todos/database.py": [
        (
            "    done: Mapped[bool]\n",
            "    done: Mapped[bool]\n    note: Mapped[str | None] = mapped_column(String(200))\n",
        )
    ],
}
REVISION = '''"""Notes."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, which the version before does not know."""
    op.add_column("todos", sa.Column("note", sa.String(200), nullable=True))


def downgrade() -> None:
    """Drop the column, with what is in it."""
    op.drop_column("todos", "note")
'''


def apply_edits(folder: Path, edits: Edits) -> None:
    """Change the files of a project that exist, and add the revision if it has migrations."""
    for path, changes in edits.items():
        file = folder / path
        if not file.exists():
            continue
        text = file.read_text(encoding="utf-8")
        for old, new in changes:
            assert text.count(old) == 1, (path, old)
            text = text.replace(old, new)
        file.write_text(text, encoding="utf-8")
    versions = folder / "migrations" / "versions"
    if versions.exists():
        (versions / "0002_note.py").write_text(REVISION, encoding="utf-8")
