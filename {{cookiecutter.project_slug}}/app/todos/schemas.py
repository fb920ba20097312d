"""Todos in requests and responses."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

# Not every store can keep NUL.
Title = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


def _optional(schema: dict[str, Any]) -> None:
    """Remove the default from the OpenAPI document: a field that is not sent remains unchanged."""
    del schema["default"]


class NewTodo(BaseModel):
    """A todo to create."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"title": "Buy milk"}})

    title: Title
    done: StrictBool = False


class TodoChanges(BaseModel):
    """The fields of a todo to change. Fields that are not sent remain unchanged."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"minProperties": 1, "example": {"done": True}}
    )

    title: Title = Field("", json_schema_extra=_optional)
    done: StrictBool = Field(False, json_schema_extra=_optional)

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.model_fields_set:
            raise PydanticCustomError("nothing_sent", "Send title, done or both")
        return self

    def sent(self) -> dict[str, Any]:
        """Return the fields that were sent, by name."""
        return self.model_dump(exclude_unset=True)


class Todo(BaseModel):
    """A todo, which belongs to the person who created it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    title: str
    done: bool
    owner_id: UUID = Field(description="The object id of the person who created it.")
    created_at: datetime
    updated_at: datetime


class TodoPage(BaseModel):
    """A page of todos, newest first."""

    items: list[Todo]
    next: str | None = Field(
        description="Send it as `after` to get the next page; null on the last page."
    )
