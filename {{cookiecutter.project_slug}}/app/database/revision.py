"""Compares the revision of a database with the one that this code expects."""

import logging
from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parents[2] / "migrations"


class Revisions:
    """The revisions in `migrations/`; this code expects the newest one."""

    def __init__(self) -> None:
        scripts = ScriptDirectory(MIGRATIONS)
        self.newest = scripts.get_current_head()
        self._older = {script.revision for script in scripts.walk_revisions()} - {self.newest}
        self._seen_ahead: set[str] = set()

    async def behind(self, connection: AsyncConnection) -> str | None:
        """Return a sentence that says what the database lacks, or None.

        A revision that this code does not know is newer than this code, as happens during a release
        with a migration. The log says so once for each such revision.
        """
        revision = None
        if await connection.run_sync(lambda sync: inspect(sync).has_table("alembic_version")):
            revision = await connection.scalar(text("SELECT version_num FROM alembic_version"))
        if revision is None:
            return "The database is not migrated: run `alembic upgrade head`."
        if revision in self._older:
            return (
                f"The database is at revision {revision}, but this service needs {self.newest}: "
                "run `alembic upgrade head`."
            )
        if revision != self.newest and revision not in self._seen_ahead:
            self._seen_ahead.add(revision)
            log.info(
                "the database is newer than this service",
                extra={"revision": revision, "known": self.newest},
            )
        return None
