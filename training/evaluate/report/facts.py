"""What the report says beside the results."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class ReportFacts:
    """`shop`: what the purchases are called, such as their file; `version`: of the model or of recsvc; `input`: the
    InputReport as JSON; `settings`: tables as in the manifest; `notice`: a sentence that must not be missed, such as
    why a model was not published.
    """

    shop: str
    version: str
    created: datetime
    input: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    notice: str | None = None
