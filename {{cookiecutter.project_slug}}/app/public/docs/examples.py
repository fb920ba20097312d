"""Completes the examples of error responses with what only their operation knows."""

import re
from typing import Any

from app.http.problems import Fault, invalid_detail

ID = "0192f4e6-8a1b-7c3d-9e5f-6a7b8c9d0e1f"
"""Stands for each parameter of a path."""


def complete_example(
    example: dict[str, Any], path: str, operation: dict[str, Any], schemas: dict[str, Any]
) -> None:
    """Add the path, and the fault of an invalid request, to an example of `responses()`."""
    example["instance"] = re.sub(r"\{.*?\}", ID, path)
    has_own_detail = example["detail"] != example["title"]
    if example["status"] == 422 and not has_own_detail:  # noqa: PLR2004  as in RFC 9110
        fault = _fault(operation, schemas)
        example |= {"detail": invalid_detail([fault]), "errors": [fault.model_dump()]}


def _fault(operation: dict[str, Any], schemas: dict[str, Any]) -> Fault:
    """Return a fault in the first field of the body or, without a body, in the first parameter."""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    model = body.get("schema", {}).get("$ref", "").rpartition("/")[2]
    for name, schema in schemas.get(model, {}).get("properties", {}).items():
        return Fault(location="body", field=name, detail=_complaint(schema))
    if not body:
        for parameter in operation.get("parameters", ()):
            detail = _complaint(parameter["schema"])
            return Fault(location=parameter["in"], field=parameter["name"], detail=detail)
    return Fault(location="body", field="", detail="JSON decode error")


def _complaint(schema: dict[str, Any]) -> str:
    """Return how Pydantic begins its complaint about a value of another type."""
    first = schema.get("anyOf", [schema])[0]
    kind = "UUID" if first.get("format") == "uuid" else first.get("type", "value")
    return f"Input should be a valid {kind}"
