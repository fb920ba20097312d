"""A resource of the tests' own, so that tests of the platform need none of the service's."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from app.identity.access import SignedIn

router = APIRouter(prefix="/api/samples")


class Sample(BaseModel):
    """A body."""

    model_config = ConfigDict(extra="forbid")

    title: str


@router.get("")
async def list_samples(caller: SignedIn, limit: Annotated[int, Query(ge=1)] = 1) -> list[str]:
    """Return as many titles as asked for."""
    return ["sample"] * limit


@router.post("", status_code=201)
async def create_sample(new: Sample, caller: SignedIn) -> Sample:
    """Return what was sent."""
    return new


@router.patch("/{sample_id}")
@router.delete("/{sample_id}")
async def change_sample(sample_id: int, caller: SignedIn) -> int:
    """Return the id."""
    return sample_id
