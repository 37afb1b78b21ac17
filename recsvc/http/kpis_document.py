"""`/kpis` in the OpenAPI document."""

from collections.abc import Mapping, Sequence
from typing import Any

ABOUT = """Computed from what is stored, and kept for a minute. Campaigns and experiments are compared by everybody who
was assigned; what is not known is null. The fields are explained in docs/measure.md. Needs a `server` key where keys
are asked for."""
EXAMPLE = {"now": "2026-03-31T12:00:00Z", "days": 28, "currency": "EUR", "orders": 812, "revenue": 40210.5,
           "credited": 5120.0, "credited_by_view": 0.0, "placements": [], "models": [], "campaigns": [],
           "experiments": [], "notes": {}, "all_campaigns": None}  # fmt: skip


def kpis_operation(security: Sequence[Mapping[str, Any]], problems: Mapping[str, Any]) -> dict[str, Any]:
    """The operation."""
    days = {"type": "integer", "minimum": 1, "maximum": 730, "default": 28}
    answer = {"schema": {"type": "object", "required": list(EXAMPLE)}, "example": EXAMPLE}
    return {
        "operationId": "kpis",
        "tags": ["measure"],
        "summary": "What lists, experiments and campaigns brought",
        "description": ABOUT,
        "security": security,
        "parameters": [
            {"name": "days", "in": "query", "description": "Lists of so many days.", "schema": days},
            {"name": "campaign", "in": "query", "description": "One campaign alone.", "schema": {"type": "string"}},
        ],
        "responses": {
            "200": {"description": "The figures.", "content": {"application/json": answer}},
            **problems,
        },
    }
