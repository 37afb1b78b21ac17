"""What customers saw and clicked of ours: lists on pages and links in mails."""

from array import array
from dataclasses import dataclass

import numpy as np
import orjson
import sqlalchemy as sa
from numpy.typing import NDArray

from models.scenarios import SCENARIOS
from models.strings import hash_id
from recsvc.http.signing import Signer
from recsvc.measure.names import Book, Names
from recsvc.measure.purchases import of_types, seconds, streamed
from recsvc.state.live_events import events
from recsvc.state.mailing import mail_clicks, mails


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
    of these were clicked; a list whose click was told was shown, too. `met_subject`, `met_label` and `met_at` are when
    each subject first saw each label.
    """

    subject: NDArray[np.int64]
    item: NDArray[np.int64]
    at: NDArray[np.float64]
    label: NDArray[np.int64]
    clicked: NDArray[np.bool_]
    labels: tuple[Label, ...]
    lists: NDArray[np.int64]
    clicked_lists: NDArray[np.int64]
    met_subject: NDArray[np.int64]
    met_label: NDArray[np.int64]
    met_at: NDArray[np.float64]


class TouchReader:
    """Collects touches."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._labels = Names()
        self._of_hash: dict[int, int] = {}
        self._rows = array("d")
        self._lists = array("q")  # of each list told: its id's hash, subject, 2 × label + whether it was clicked
        self._lists_at = array("d")
        self._since = 0.0
        self._of_origin: dict[bytes, int | None] = {}
        self._signer = Signer(b"", SCENARIOS)  # stored ids were checked when they came: reading them needs no secret

    def add_lists(self, connection: sa.Connection, *, views: bool, since: float = 0.0) -> None:
        """Impressions and clicks on pages; items that were only shown are kept with `views`. Lists are counted that
        were shown from `since` on, seconds since 1970."""
        columns = (
            events.c.type, events.c.customer_id, events.c.session_id, events.c["items"], events.c.recommendation_id,
            seconds(events.c.happened_at, connection),
        )  # fmt: skip
        wanted = of_types("impression", "click"), events.c.recommendation_id.is_not(None)
        query = sa.select(*columns).where(*wanted).order_by(events.c.seq)
        subject, nobody, labels = self._book.subject, -1, dict[int, int | None]()
        subjects = self._book.subjects.numbers
        tell, at_moment, self._since = self._lists.extend, self._lists_at.append, since
        for kind, customer_id, session_id, items, text, at in streamed(connection, query):
            hashed = hash(text)
            label = labels[hashed] if hashed in labels else labels.setdefault(hashed, self._label_of(text))
            if label is None:
                continue
            # As `Book.subject` does: calling it a million times takes longer than what it does.
            named = customer_id is not None
            who = subjects.setdefault(customer_id, len(subjects)) if named else subject(None, session_id)
            clicked = kind == "click"
            if who < 0:
                nobody -= 1  # each visitor without a name is another one
            tell((hashed, who if who >= 0 else nobody, 2 * label + clicked))
            at_moment(at)
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
        hashed, who, said = np.frombuffer(self._lists, np.int64).reshape(-1, 3).T
        at = np.frombuffer(self._lists_at, np.float64)
        lately = at >= self._since
        seen = _last_of_each(said[lately], who[lately], hashed[lately])
        named = np.flatnonzero(who >= 0)
        named = named[np.lexsort((at[named], said[named] // 2, who[named]))]
        first = named[_starts(who[named], said[named] // 2)]
        return Touches(
            table[:, 0].astype(np.int64),
            table[:, 1].astype(np.int64),
            table[:, 2].copy(),
            table[:, 3].astype(np.int64),
            table[:, 4] > 0,
            tuple(label for label in self._labels.numbers if isinstance(label, Label)),
            np.bincount(seen // 2, minlength=n_labels),
            np.bincount(seen[seen % 2 == 1] // 2, minlength=n_labels),
            who[first],
            said[first] // 2,
            at[first],
        )

    def _label_of(self, text: str) -> int | None:
        """The label's number of a stored id; None for one that an older recsvc signed."""
        origin = Signer.origin(text)
        if origin in self._of_origin:
            return self._of_origin[origin]
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


def _starts(*columns: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which entries of columns that are sorted together begin a run of equal ones."""
    starts = np.ones(len(columns[0]), np.bool_)
    starts[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return starts


def _last_of_each(value: NDArray[np.int64], *columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """The greatest value of each combination of the columns."""
    sort = np.lexsort((value, *columns))
    starts = _starts(*(column[sort] for column in columns))
    last: NDArray[np.int64] = value[sort][np.append(starts[1:], True)] if len(value) else value
    return last
