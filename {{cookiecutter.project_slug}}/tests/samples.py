"""A sample resource, so that tests of other parts do not depend on the example."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from app.identity.access import SignedIn

router = APIRouter(prefix="/api/samples")


class Sample(BaseModel):
    """The body of a request."""

    model_config = ConfigDict(extra="forbid")

    title: str


@router.get("")
async def list_samples(caller: SignedIn, limit: Annotated[int, Query(ge=1)] = 1) -> list[str]:
    """Return `limit` titles."""
    return ["sample"] * limit


@router.post("", status_code=201)
async def create_sample(new: Sample, caller: SignedIn) -> Sample:
    """Return the body."""
    return new


@router.patch("/{sample_id}")
@router.delete("/{sample_id}")
async def change_sample(sample_id: int, caller: SignedIn) -> int:
    """Return the id."""
    return sample_id
