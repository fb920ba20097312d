"""Every table and every statement can be distributed by tenant: see docs/scaling.md."""

from typing import Any

import pytest
from sqlalchemy import (
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
    delete,
    func,
    insert,
    select,
    text,
    update,
)

from app.database.database import Database
from app.database.tables import Base
from tests.distribution import TENANT, keys_without_tenant, reads_without_tenant


def test_every_unique_key_and_foreign_key_names_the_tenant() -> None:
    assert keys_without_tenant(Base.metadata) == []


def columns() -> list[Column[int]]:
    """Return the columns of a table."""
    return [Column(TENANT, Integer, primary_key=True), Column("id", Integer, primary_key=True)]


TABLES: dict[str, tuple[list[Any], list[str]]] = {
    "primary key with the tenant": (columns(), []),
    "primary key without it": ([Column("id", Integer, primary_key=True)], ["things: pk"]),
    "unique constraint": ([*columns(), UniqueConstraint("id", name="uq")], ["things: uq"]),
    "unique index": ([*columns(), Index("ix", "id", unique=True)], ["things: ix"]),
    "unique with the tenant": ([*columns(), UniqueConstraint(TENANT, "id", name="uq")], []),
    "index that is not unique": ([*columns(), Index("ix", "id")], []),
    "foreign key": (
        [*columns(), Column("of", Integer, ForeignKey("others.id", name="fk"))],
        ["things: fk"],
    ),
    "foreign key with the tenant": (
        [
            *columns(),
            Column("of", Integer),
            ForeignKeyConstraint([TENANT, "of"], [f"others.{TENANT}", "others.id"], name="fk"),
        ],
        [],
    ),
}


@pytest.mark.parametrize(("parts", "found"), TABLES.values(), ids=TABLES)
def test_key_without_the_tenant_is_found(parts: list[Any], found: list[str]) -> None:
    metadata = MetaData(naming_convention={"pk": "pk"})
    Table("others", metadata, *columns())
    Table("things", metadata, *parts)
    assert keys_without_tenant(metadata) == found


METADATA = MetaData()
THINGS, OTHERS = (Table(name, METADATA, *columns()) for name in ("things", "others"))
MINE, ITS = THINGS.c.tenant_id == 1, OTHERS.c.tenant_id == 1
SAME = THINGS.c.tenant_id == OTHERS.c.tenant_id
ALIAS = THINGS.alias()
SAFE = {
    "select": select(THINGS).where(MINE, THINGS.c.id == 2),
    "update": update(THINGS).where(MINE).values(id=2),
    "delete of some": delete(THINGS).where(MINE, THINGS.c.id.in_(select(THINGS.c.id).where(MINE))),
    "insert": insert(THINGS),
    "insert of a select": insert(THINGS).from_select([TENANT, "id"], select(OTHERS).where(ITS)),
    "join": select(THINGS).join(OTHERS, SAME).where(MINE),
    "related subquery": select(THINGS).where(
        MINE, select(OTHERS.c.id).where(ITS, OTHERS.c.id == THINGS.c.id).exists()
    ),
    "alias": select(ALIAS).where(ALIAS.c.tenant_id == 1),
    "text": text("SELECT id FROM things WHERE tenant_id = 1"),
    "text about the table": text("ANALYZE things"),
    "text about another table": text("SELECT 1 FROM alembic_version"),
    "no table": select(func.now()),
}
UNSAFE = {
    "select": (select(THINGS).where(THINGS.c.id == 2), ["things"]),
    "or": (select(THINGS).where(MINE | (THINGS.c.id == 2)), ["things"]),
    "not equal": (select(THINGS).where(THINGS.c.tenant_id > 1), ["things"]),
    "count": (select(func.count()).select_from(THINGS), ["things"]),
    "update": (update(THINGS).values(id=2), ["things"]),
    "delete": (delete(THINGS).where(THINGS.c.id == 2), ["things"]),
    "inner select": (
        delete(THINGS).where(MINE, THINGS.c.id.in_(select(THINGS.c.id))),
        ["things"],
    ),
    "insert of a select": (insert(THINGS).from_select(["id"], select(OTHERS)), ["others"]),
    "join": (select(THINGS).join(OTHERS, THINGS.c.id == OTHERS.c.id).where(MINE), ["others"]),
    "union": (select(THINGS).where(MINE).union(select(OTHERS)), ["others"]),
    "alias": (select(ALIAS), ["things"]),
    "text": (text("DELETE FROM things"), ["things"]),
}


@pytest.mark.parametrize("statement", SAFE.values(), ids=SAFE)
def test_statement_about_one_tenant_is_accepted(statement: Any) -> None:
    assert reads_without_tenant(statement, METADATA) == []


@pytest.mark.parametrize(("statement", "found"), UNSAFE.values(), ids=UNSAFE)
def test_statement_about_every_tenant_is_found(statement: Any, found: list[str]) -> None:
    assert reads_without_tenant(statement, METADATA) == found


@pytest.mark.anyio
async def test_statements_of_the_tests_are_checked(
    storage: Database, about_every_tenant: list[str]
) -> None:
    table = Base.metadata.sorted_tables[0]
    async with storage.autocommit() as connection:
        await connection.execute(select(table))
    assert about_every_tenant == [table.name]
    about_every_tenant.clear()
