"""What customers saw and clicked of ours: lists on pages and links in mails."""

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
import orjson
import sqlalchemy as sa
from numpy.typing import NDArray

from models.scenarios import SCENARIOS
from models.strings import hash_id
from recsvc.http.signing import Signer
from recsvc.measure.names import Book, Names
from recsvc.measure.purchases import seconds, streamed
from recsvc.state.live_events import events
from recsvc.state.mailing import mail_clicks, mails

LABEL_BITS, SUBJECT_BITS = 24, 40


@dataclass(frozen=True, slots=True)
class Label:
    """What a list belongs to: a page's `placement`, or its scenario where it has none, or a mail's `campaign`."""

    channel: str  # web or mail
    placement: str = ""
    model: str = ""
    arms: tuple[tuple[str, str], ...] = ()
    campaign: str = ""


@dataclass(frozen=True, eq=False)
class Touches:
    """Clicks, and what was shown, one entry an item: equal-length arrays. `label` numbers `labels`.

    `lists` and `clicked_lists` count by label how many lists were shown to how many visitors, each once, and how many
    of these were clicked; a list whose click was told was shown, too. `met` is when each subject first saw each label,
    by subject << LABEL_BITS | label.
    """

    subject: NDArray[np.int64]
    item: NDArray[np.int64]
    at: NDArray[np.float64]
    label: NDArray[np.int64]
    clicked: NDArray[np.bool_]
    labels: tuple[Label, ...]
    lists: NDArray[np.int64]
    clicked_lists: NDArray[np.int64]
    met: Mapping[int, float]


class TouchReader:
    """Collects touches."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._labels = Names()
        self._of_hash: dict[int, int] = {}
        self._rows = array("d")
        self._seen: dict[int, int] = {}  # list and subject → 2 × label + whether it was clicked
        self._met: dict[int, float] = {}  # subject and label → first moment
        self._of_origin: dict[bytes, int | None] = {}
        self._signer = Signer(b"", SCENARIOS)  # stored ids were checked when they came: reading them needs no secret

    def add_lists(self, connection: sa.Connection, *, views: bool, since: float = 0.0) -> None:
        """Impressions and clicks on pages; items that were only shown are kept with `views`. Lists are counted that
        were shown from `since` on, seconds since 1970."""
        columns = (
            events.c.type, events.c.customer_id, events.c.session_id, events.c["items"], events.c.recommendation_id,
            seconds(events.c.happened_at, connection),
        )  # fmt: skip
        wanted = events.c.type.in_(("impression", "click")), events.c.recommendation_id.is_not(None)
        query = sa.select(*columns).where(*wanted).order_by(events.c.seq)
        known, subject, nobody = self._of_origin, self._book.subject, -1
        met = self._met
        for kind, customer_id, session_id, items, text, at in streamed(connection, query):
            origin = Signer.origin(text)
            label = known[origin] if origin in known else self._new_label(origin, text)
            if label is None:
                continue
            who = subject(customer_id, session_id)
            clicked = kind == "click"
            if who < 0:
                nobody -= 1  # each visitor without a name is another one
            else:
                first = who << LABEL_BITS | label
                if at < met.get(first, inf):
                    met[first] = at
            if at >= since:
                key = (hash(text) << SUBJECT_BITS) + (who if who >= 0 else nobody)
                self._seen[key] = max(self._seen.get(key, 0), 2 * label + clicked)
            if clicked or (views and who >= 0):
                self._add_items(who, [item["item_id"] for item in orjson.loads(items)], text, at, label, clicked)

    def add_mail_clicks(self, connection: sa.Connection) -> None:
        """Clicks on signed links, each with the model that wrote its mail."""
        clicks, same = mail_clicks, sa.and_(
            mails.c.campaign_id == mail_clicks.c.campaign_id,
            mails.c.edition == mail_clicks.c.edition,
            mails.c.customer_id == mail_clicks.c.customer_id,
        )  # fmt: skip
        columns = (
            clicks.c.campaign_id, clicks.c.customer_id, clicks.c.item_id, mails.c.model_version,
            seconds(clicks.c.at, connection),
        )  # fmt: skip
        for campaign, customer_id, item_id, model, at in connection.execute(
            sa.select(*columns).select_from(clicks.outerjoin(mails, same)).order_by(clicks.c.click_id)
        ):
            label = self._labels.of(Label("mail", model=model or "", campaign=campaign))
            who = self._book.subject(customer_id, None)
            self._rows.extend((who, self._book.items.of(item_id), at, label, True))

    def finish(self) -> Touches:
        """What was collected, as arrays."""
        table, n_labels = np.frombuffer(self._rows, np.float64).reshape(-1, 5), len(self._labels)
        seen = np.fromiter(self._seen.values(), np.int64, len(self._seen))
        return Touches(
            table[:, 0].astype(np.int64),
            table[:, 1].astype(np.int64),
            table[:, 2].copy(),
            table[:, 3].astype(np.int64),
            table[:, 4] > 0,
            tuple(label for label in self._labels.numbers if isinstance(label, Label)),
            np.bincount(seen // 2, minlength=n_labels),
            np.bincount(seen[seen % 2 == 1] // 2, minlength=n_labels),
            self._met,
        )

    def _new_label(self, origin: bytes, text: str) -> int | None:
        """The label's number of a stored id; None for one that an older recsvc signed."""
        found = None
        if origin:
            says = self._signer.unchecked(text)
            found = self._labels.of(Label("web", says.placement or says.scenario, says.model_version, says.arms))
        self._of_origin[origin] = found
        return found

    def _add_items(self, who: int, items: list[str], text: str, at: float, label: int, clicked: bool) -> None:
        """An impression that names no items showed the whole list, whose id holds their hashes."""
        shown: list[int] = [self._book.items.of(item_id) for item_id in items]
        if not items:
            if len(self._of_hash) < len(self._book.items):
                self._of_hash = {hash_id(str(name)): number for name, number in self._book.items.numbers.items()}
            shown = [self._of_hash[hashed] for hashed in self._signer.unchecked(text).items if hashed in self._of_hash]
        for item in shown:
            self._rows.extend((who, item, at, label, clicked))


def seen_by(touches: Touches, wanted: Callable[[Label], Any]) -> dict[int, tuple[float, int]]:
    """Each subject's first meeting with a label that is `wanted`: when, and which label."""
    numbers = {number for number, label in enumerate(touches.labels) if wanted(label)}
    found: dict[int, tuple[float, int]] = {}
    for key, at in touches.met.items():
        subject, label = key >> LABEL_BITS, key & ((1 << LABEL_BITS) - 1)
        if label in numbers and (subject not in found or (at, label) < found[subject]):
            found[subject] = at, label
    return found
