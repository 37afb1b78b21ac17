"""What a list may be asked to be: the fields that a request and a placement have in common, checked."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from models.scenarios import SCENARIOS
from recsvc.engine import Diversity, Pin, ShapeError, parse_boosts, parse_filter
from recsvc.engine.diversity import DEEPEST_LEVEL
from recsvc.engine.filters import LONGEST_TEXT, MOST_BOOSTS
from recsvc.faults import SHAPE

MOST_ITEMS = 100
MOST_PINS = 20
# The `format` that stands, in a schema that pydantic makes, for one of the document's.
SCHEMA = "schema:"


def whole(value: object) -> object:
    """57.0 is 57: JSON has one kind of number, and some languages write every one of them with a point."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _read(parse: Callable[[object], Any]) -> PlainValidator:
    def validate(value: object) -> Any:
        try:
            return parse(value)
        except ShapeError as error:
            raise PydanticCustomError(SHAPE, "{reason}", {"reason": str(error), "place": error.place}) from None

    return PlainValidator(validate)


ItemId = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]
Whole = BeforeValidator(whole)
# `Filter` and `tuple[Boost, ...]`; pydantic would describe their classes in the document.
FilterField = Annotated[Any, _read(parse_filter), WithJsonSchema({"format": SCHEMA + "Filter"})]
BoostField = Annotated[
    Any,
    _read(parse_boosts),
    WithJsonSchema({"type": "array", "items": {"format": SCHEMA + "Boost"}, "maxItems": MOST_BOOSTS}),
]


class DiversityWish(BaseModel):
    """How different the items of a list shall be."""

    model_config = ConfigDict(extra="forbid", strict=True, title="Diversity")

    max_per_category: Annotated[int, Field(ge=1, le=MOST_ITEMS), Whole] | None = Field(
        None, description="Items of one category at most."
    )
    mmr: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None,
        description="Maximal marginal relevance: how much an item loses for resembling the items before it, by their"
        " categories; 0 changes nothing.",
    )
    category_level: Annotated[int, Field(ge=1, le=DEEPEST_LEVEL), Whole] | None = Field(
        None,
        description="Both go by so many parts of a category's path, from the left; by the whole path when left out.",
    )


class PinWish(BaseModel):
    """An item at a place of the list."""

    model_config = ConfigDict(extra="forbid", strict=True, title="Pin")

    item_id: ItemId
    position: Annotated[int, Whole] = Field(
        ge=1, le=MOST_ITEMS, description="From 1; a position beyond the list is its end."
    )


class Wishes(BaseModel):
    """What a list is asked to be."""

    model_config = ConfigDict(extra="forbid", strict=True)

    scenario: Literal[SCENARIOS] = Field("home", description="The kind of list.")  # type: ignore[valid-type]
    n: Annotated[int, Whole] = Field(10, ge=1, le=MOST_ITEMS, description="How many items at most.")
    filter: FilterField | None = Field(
        None, description="What every item must meet, also those of a fallback and those pinned."
    )
    boost: BoostField = Field((), description="What multiplies an item's score before the list is put in order.")
    diversity: DiversityWish | None = Field(None, description="How different the items shall be.")
    pins: list[PinWish] = Field(
        [],
        max_length=MOST_PINS,
        description="Items at places of their own; one that must not be shown is left out all the same.",
    )

    def mix(self) -> Diversity | None:
        """The wished diversity, as the engine takes it."""
        return None if self.diversity is None else Diversity(**self.diversity.model_dump())

    def pinned(self) -> tuple[Pin, ...]:
        """The pins, as the engine takes them."""
        return tuple(Pin(pin.item_id, pin.position) for pin in self.pins)
