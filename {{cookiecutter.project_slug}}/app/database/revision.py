"""Whether the tables of a database are those that this code expects."""

from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

MIGRATIONS = Path(__file__).parents[2] / "migrations"


class Revisions:
    """The revisions in `migrations/`: the newest one is that of this code."""

    def __init__(self) -> None:
        scripts = ScriptDirectory(MIGRATIONS)
        self.newest = scripts.get_current_head()
        self._older = {script.revision for script in scripts.walk_revisions()} - {self.newest}

    async def behind(self, connection: AsyncConnection) -> str | None:
        """Return in a sentence what the database lacks, or None.

        A database at a revision that this code does not know is ahead of it, as it is while a
        release with a migration replaces this one.
        """
        revision = None
        if await connection.run_sync(lambda sync: inspect(sync).has_table("alembic_version")):
            revision = await connection.scalar(text("SELECT version_num FROM alembic_version"))
        if revision is not None and revision not in self._older:
            return None
        return (
            f"The database is at revision {revision}, this service needs {self.newest}: "
            "run `alembic upgrade head`."
        )
