"""The job that deletes old todos, on SQLite and PostgreSQL."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from app.jobs.clean_up import clean_up
from app.todos.database import TodoRow
from sqlalchemy import insert, select

NOW = datetime.now(UTC)


@pytest.mark.anyio
async def test_only_what_was_done_before_is_deleted(
    storage: Any, about_every_tenant: list[str]
) -> None:
    rows = [
        {
            "tenant_id": uuid4(), "id": uuid4(), "owner_id": uuid4(), "title": title, "done": done,
            "created_at": NOW - age, "updated_at": NOW - age,
        }
        for title, done, age in [
            ("old", True, timedelta(days=31)),
            ("open", False, timedelta(days=31)),
            ("recent", True, timedelta(days=29)),
        ]
    ]  # fmt: skip
    async with storage.transaction() as connection:
        await connection.execute(insert(TodoRow), rows)
    assert await clean_up(storage, NOW - timedelta(days=30)) == 1
    assert await clean_up(storage, NOW - timedelta(days=30)) == 0
    async with storage.autocommit() as connection:
        titles = await connection.scalars(select(TodoRow.title).order_by(TodoRow.title))
        assert titles.all() == ["open", "recent"]
    # The job is about every tenant on purpose.
    about_every_tenant.clear()
