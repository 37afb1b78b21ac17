"""What wants attention now, and what to do about it: the alerts of deploy/prometheus-alerts.yml that one look can tell,
and what only the database and the store know."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from recsvc.console.counted import Counted
from recsvc.http.health import readiness
from recsvc.http.schemas import Readiness
from recsvc.http.service import Service
from recsvc.i18n import Translator
from recsvc.keys import usable
from recsvc.measure.figures import Figures

OLD_MODEL = timedelta(days=7)
KEY_ENDS = timedelta(days=14)
FEWEST = 100  # lists or answers before a share means anything
MOST_FALLBACKS, MOST_ERRORS = 0.5, 0.01


@dataclass(frozen=True)
class Alert:
    """`text` in the reader's language, `detail` as the service says it in English, `remedy` a command. `grave` is for
    what customers notice."""

    text: str
    remedy: str
    grave: bool = False
    detail: str = ""


def alerts_of(
    service: Service, ready: Readiness, counted: Counted, figures: Figures | None, words: Translator
) -> list[Alert]:
    """The gravest first."""
    now = service.clock()
    found = [
        *_of_model(service, ready, words),
        *_of_answers(counted, words),
        *_of_database(service, ready, words),
        *_of_keys(service, now, words),
        *_of_figures(figures, ready, words),
    ]
    return sorted(found, key=lambda alert: not alert.grave)


def state_of(service: Service) -> Readiness:
    """What `/health/ready` says."""
    return readiness(service)


def _of_model(service: Service, ready: Readiness, words: Translator) -> Iterator[Alert]:
    _ = words.gettext
    if ready.model_version is None:
        yield Alert(_("No model answers: there are no lists."), "recsvc models list", grave=True)
    elif ready.model_age_seconds is not None and ready.model_age_seconds > OLD_MODEL.total_seconds():
        yield Alert(_("The model is older than a week: did the training fail?"), "recsvc train")
    if service.live.problem is not None:
        text = _("The published model cannot be loaded; the one before goes on.")
        yield Alert(text, "recsvc models verify", grave=True, detail=service.live.problem)
    if ready.registry == "down":
        text = _("The shared registry does not answer: no new model arrives, and lists go on.")
        yield Alert(text, "recsvc doctor", detail=ready.problem or "")
    for followed in (service.placements, service.experiments, service.shelf):
        if followed.problem is not None:
            text = _("The settings hold a mistake, and stay as they were.")
            yield Alert(text, "recsvc doctor", detail=followed.problem)


def _of_answers(counted: Counted, words: Translator) -> Iterator[Alert]:
    _ = words.gettext
    if counted.answers >= FEWEST and counted.errors / counted.answers > MOST_ERRORS:
        yield Alert(_("More than one answer in a hundred is an error of ours; the log says why."), "", grave=True)
    share = counted.fallback_share("home")
    if counted.lists.get("home", 0) >= FEWEST and share is not None and share > MOST_FALLBACKS:
        text = _("More than half of the home lists are filled by a fallback: are the customer_ids the shop's?")
        yield Alert(text, "recsvc explain CUSTOMER")
    forged = counted.tokens.get("forged", 0) + counted.tokens.get("unknown-key", 0)
    if forged >= FEWEST:
        yield Alert(_("Customer tokens are refused: an attack, or a wrong secret in the shop."), "recsvc keys list")


def _of_database(service: Service, ready: Readiness, words: Translator) -> Iterator[Alert]:
    _ = words.gettext
    if ready.database == "down":
        text = _("The database is down: no events are taken, and lists go on without the latest.")
        yield Alert(text, "recsvc doctor", grave=True, detail=service.keys.problem or "")
    elif service.events.problem is not None:
        yield Alert(_("Live events cannot be read."), "recsvc doctor", detail=service.events.problem)


def _of_keys(service: Service, now: datetime, words: Translator) -> Iterator[Alert]:
    _ = words.gettext
    for key in usable(list((service.keys.keys() or {}).values()), now):
        if key.expires_at is not None and key.expires_at - now < KEY_ENDS:
            text = _("The key “{name}” ends in {days} days.").format(name=key.name, days=(key.expires_at - now).days)
            yield Alert(text, f"recsvc keys rotate {key.key_id}")


def _of_figures(figures: Figures | None, ready: Readiness, words: Translator) -> Iterator[Alert]:
    _ = words.gettext
    if figures is None:
        if ready.database == "up":
            yield Alert(_("The figures cannot be computed; the log says why."), "recsvc kpis", grave=True)
        return
    for test in figures.tests:
        if test.broken:
            text = _("The groups of “{name}” do not have the sizes they should have: none of its figures counts.")
            yield Alert(text.format(name=test.name), "recsvc kpis")
