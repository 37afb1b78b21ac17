"""`/recommend/batch` in the OpenAPI document, and the schemas of its lines."""

from collections.abc import Mapping, Sequence
from typing import Any

from recsvc.http.schemas import LARGEST_BATCH, MOST_LINES, BatchLine
from recsvc.http.wish_schemas import REFERENCE

MEDIA_TYPE = "application/x-ndjson"
EXAMPLE_LINES = (
    '{"query_id": "1", "customer_id": "900", "n": 3}\n'
    '{"query_id": "2", "items": ["1082185"], "scenario": "complements"}\n'
)
EXAMPLE_ANSWERS = (
    '{"line": 1, "query_id": "1", "recommendation_id": "AQBxx2kAFzIwMjYwMzAx…", "model_version":'
    ' "20260301T040000Z-1f2e3d4c", "scenario": "home", "fallback": null, "items": []}\n'
)


def batch_operation(security: Sequence[Mapping[str, Any]], problems: Mapping[str, Any]) -> dict[str, Any]:
    """The operation; OpenAPI 3.1 has no word for the lines of a body."""
    lines = {"type": "string", "contentMediaType": MEDIA_TYPE}
    return {
        "operationId": "recommendBatch",
        "tags": ["recommend"],
        "summary": "Many lists at once, as JSON lines",
        "description": f"Up to {MOST_LINES:,} lines, {LARGEST_BATCH >> 20} MiB, each a `BatchLine`. The answer has a"
        " line for each that is not blank, in the same order and with its `line`, from 1: a list, or a problem with its"
        " `status`. Needs a `server` key where keys are asked for. Lists of all customers: `recsvc recommend --all`.",
        "security": security,
        "requestBody": {"required": True, "content": {MEDIA_TYPE: {"schema": lines, "example": EXAMPLE_LINES}}},
        "responses": {
            "200": {
                "description": "A line for each line.",
                "content": {MEDIA_TYPE: {"schema": lines, "example": EXAMPLE_ANSWERS}},
            },
            **problems,
        },
    }


def batch_schemas() -> dict[str, Any]:
    """The schema of a line, which no operation can refer to."""
    schema = BatchLine.model_json_schema(ref_template=REFERENCE + "{model}")
    schema.pop("$defs", None)
    return {"BatchLine": schema}
