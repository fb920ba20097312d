"""Finds what a database that distributes rows by tenant could not do: see docs/scaling.md."""

import re
from typing import Any

from sqlalchemy import (
    Alias,
    BinaryExpression,
    BooleanClauseList,
    ColumnElement,
    Delete,
    FromClause,
    Index,
    Join,
    MetaData,
    PrimaryKeyConstraint,
    Select,
    Table,
    TextClause,
    UniqueConstraint,
    Update,
)
from sqlalchemy.sql import operators, visitors

from app.database.tables import Base

TENANT = "tenant_id"
READING = {"SELECT", "UPDATE", "DELETE", "WITH"}
"""The first words of statements, as text, that depend on rows of a table."""
SHARED: frozenset[str] = frozenset()
"""The tables that are the same for every tenant, such as a list of countries."""


def keys_without_tenant(metadata: MetaData) -> list[str]:
    """Return each unique key, and each foreign key to another table, that lacks the tenant."""
    found = []
    for table in metadata.sorted_tables:
        if table.name in SHARED:
            continue
        unique: list[PrimaryKeyConstraint | UniqueConstraint | Index] = [table.primary_key]
        unique += [each for each in table.constraints if isinstance(each, UniqueConstraint)]
        unique += [index for index in table.indexes if index.unique]
        found += [f"{table.name}: {key.name}" for key in unique if TENANT not in key.columns]
        for foreign in table.foreign_key_constraints:
            pairs = {(each.parent.name, each.column.name) for each in foreign.elements}
            if foreign.referred_table.name not in SHARED and (TENANT, TENANT) not in pairs:
                found.append(f"{table.name}: {foreign.name}")
    return found


def reads_without_tenant(statement: Any, metadata: MetaData = Base.metadata) -> list[str]:
    """Return the tables that a statement reads, changes or deletes from in every tenant.

    An INSERT itself is not checked, because the tenant is part of the primary key.
    """
    names = metadata.tables.keys() - SHARED
    if isinstance(statement, TextClause):
        words = re.findall(r"\w+", statement.text)
        if TENANT in words or not words or words[0].upper() not in READING:
            return []
        return sorted(names & set(words))
    found: set[str] = set()
    outer: set[FromClause] = set()
    for part in visitors.iterate(statement):
        if not isinstance(part, Select | Update | Delete):
            continue
        tables, columns = _read(part)
        if part is not statement and isinstance(part, Select):
            # A subquery that refers to the table of the statement around it does not read it.
            tables -= outer - set(part.columns_clause_froms)
        outer |= tables
        named = {column.table for column in columns if column.name == TENANT}
        found |= {name for table in tables - named if (name := _name(table, metadata)) in names}
    return sorted(found)


def _name(table: FromClause, metadata: MetaData) -> str | None:
    """Return the name of a table, or None if it is something else or is not in the metadata."""
    element = table.element if isinstance(table, Alias) else table
    if isinstance(element, Table) and element.metadata is metadata:
        return element.name
    return None


def _read(part: Select[Any] | Update | Delete) -> tuple[set[FromClause], list[Any]]:
    """Return the tables, and the columns that must be equal to something for a row to count."""
    tables: set[FromClause] = set()
    conditions: list[ColumnElement[Any] | None] = [part.whereclause]
    froms: list[FromClause] = (
        list(part.get_final_froms()) if isinstance(part, Select) else [part.table]
    )
    while froms:
        if isinstance(each := froms.pop(), Join):
            conditions.append(each.onclause)
            froms += [each.left, each.right]
        else:
            tables.add(each)
    columns: list[Any] = []
    while conditions:
        condition = conditions.pop()
        if isinstance(condition, BooleanClauseList) and condition.operator is operators.and_:
            conditions += condition.clauses
        elif isinstance(condition, BinaryExpression) and condition.operator is operators.eq:
            columns += [
                side for side in (condition.left, condition.right) if hasattr(side, "table")
            ]
    return tables, columns
