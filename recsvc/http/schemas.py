"""What goes in and out over HTTP: requests are checked against these models, the OpenAPI document is made of them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from recsvc.engine.filters import LONGEST_TEXT
from recsvc.http.explained import Explanation
from recsvc.i18n import LANGUAGES
from recsvc.keys.tokens import LONGEST_TOKEN
from recsvc.wishes import ItemId, Wishes

LARGEST_BODY = 1_048_576
LARGEST_BATCH, LONGEST_LINE, MOST_LINES = 8_388_608, 131_072, 1_000
MOST_IDS = {"items": 100, "session_items": 100, "exclude": 1_000, "exclude_seen": 20}
LONGEST_RECOMMENDATION_ID = 4_096
ITEM_FIELDS = (
    "score", "source", "reason", "title", "price", "sale_price", "currency", "link", "image_link", "category", "brand",
)  # fmt: skip


class RecommendQuestion(Wishes):
    """What every question for a list may have. Every field is optional: `{}` asks for what is popular."""

    placement: Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)] | None = Field(
        None, description="A list of the shop's settings, which then decide what is in it."
    )
    customer_id: ItemId | None = Field(
        None, description="Whose list; a customer that no training saw gets what is popular."
    )
    customer_token: Annotated[str, Field(max_length=LONGEST_TOKEN)] | None = Field(
        None,
        description="In the place of `customer_id` from a page: signed by the shop's server for its customer. One that"
        " is forged or expired gets what is popular; `Customer-Token-Status` says why.",
    )
    session_id: ItemId | None = Field(
        None, description="The visit, as in its events: what it looked at counts, and with a customer it is theirs."
    )
    items: list[ItemId] = Field(
        [], max_length=MOST_IDS["items"], description="A product page's item or a cart: what goes with it?"
    )
    session_items: list[ItemId] = Field(
        [], max_length=MOST_IDS["session_items"], description="What the visitor looked at just now."
    )
    exclude: list[ItemId] = Field([], max_length=MOST_IDS["exclude"], description="Items that must not be in the list.")
    exclude_seen: list[Annotated[str, Field(min_length=1, max_length=LONGEST_RECOMMENDATION_ID)]] = Field(
        [],
        max_length=MOST_IDS["exclude_seen"],
        description="The `recommendation_id`s of other lists on the page: what they show is not shown again.",
    )
    locale: str | None = Field(
        None,
        pattern=rf"^({'|'.join(LANGUAGES)})([-_][A-Za-z]{{2}})?$",
        description="Language of the reasons; without it Accept-Language decides, then English.",
        examples=["de", "de-AT"],
    )
    fields: list[Literal[ITEM_FIELDS]] | None = Field(  # type: ignore[valid-type]
        None, max_length=len(ITEM_FIELDS), description="What to say of each item besides `item_id`; all when left out."
    )


class RecommendRequest(RecommendQuestion):
    """A question. Every field is optional: `{}` asks for what is popular."""

    model_config = ConfigDict(title="RecommendRequest")

    explain: bool = Field(
        False, description="Whether each item comes with an `explanation`; it tells a customer's habits."
    )


class BatchLine(RecommendQuestion):
    """One line of a batch: a question, and a name for its answer."""

    model_config = ConfigDict(title="BatchLine")

    query_id: ItemId | None = Field(None, description="Repeated in the answer.")


class RecommendedItem(BaseModel):
    """One item of a list. Everything is there unless the question's `fields` leaves it out; `item_id` always is."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"required": ["item_id"]})

    item_id: str
    score: float = Field(description="Higher is better; comparable within one list only.")
    source: str = Field(description="The scorer that proposed it.", examples=["repeat", "popular"])
    reason: str = Field(description="Why, in a sentence for the customer.", examples=["Popular right now"])
    title: str
    price: float | None = Field(description="The regular price, in units of `currency`.")
    sale_price: float | None = Field(description="What it costs now, while a sale runs.")
    currency: str | None = Field(description="ISO 4217.", examples=["EUR"])
    link: str | None
    image_link: str | None
    category: str | None = Field(description="The shop's own path.", examples=["Home > Kitchen"])
    brand: str | None
    explanation: Explanation | None = Field(None, description="Only where the question says `explain`.")


class RecommendAnswer(BaseModel):
    """A list, best first; shorter than `n` where nothing more is fit to be shown."""

    model_config = ConfigDict(extra="forbid")

    recommendation_id: str = Field(description="Signed; hand it back with clicks and purchases. Holds no customer.")
    model_version: str = Field(examples=["20260301T040000Z-1f2e3d4c"])
    scenario: str
    fallback: str | None = Field(description="What filled the list where the scenario could not; null when it could.")
    items: list[RecommendedItem]
    took_ms: float = Field(
        ge=0, description="Time in the service, milliseconds; 0 where caches may keep the answer: see Server-Timing."
    )


class FieldAtFault(BaseModel):
    """One field that is wrong: `pointer` (RFC 6901, into the body) or `parameter` (of the address)."""

    model_config = ConfigDict(extra="forbid")

    detail: str
    pointer: str | None = None
    parameter: str | None = None


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    model_config = ConfigDict(extra="forbid", validate_by_name=True)

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldAtFault] = []
    violated_policies: list[str] = Field(
        [], alias="violated-policies", description="Of 429: the quotas used up, by their names in RateLimit-Policy."
    )
    request_id: str = Field(description="Also in X-Request-ID and in the service's log.")


class Alive(BaseModel):
    """The process answers."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["alive"]


class Readiness(BaseModel):
    """Whether recommendations can be answered, and from what."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["ready", "not ready"]
    model_version: str | None
    model_created_at: datetime | None
    model_age_seconds: int | None = Field(ge=0)
    database: Literal["up", "down"] = Field(description="Recommendations go on while it is down.")
    registry: Literal["up", "down"] | None = Field(
        description="The registry that several machines share; null without one. The model goes on while it is down."
    )
    problem: str | None = Field(
        description="What a person should look at: a bundle that was refused, a database that is down."
    )
