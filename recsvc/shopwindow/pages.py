"""The shop window's routes. Every page works as a plain link; a little script only spares the reader a reload."""

from dataclasses import replace
from functools import partial

from flask import Blueprint, Flask, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from recsvc.customers.table import Customer
from recsvc.http.questions import preferred_language
from recsvc.http.service import service_of
from recsvc.i18n import LANGUAGES
from recsvc.shopwindow.letter import Letter, write_letter
from recsvc.shopwindow.purchases import last_orders
from recsvc.shopwindow.shelf import card_of
from recsvc.shopwindow.tiles import TILE_PATH, tile_svg
from recsvc.shopwindow.visit import Visit, read_visit
from recsvc.shopwindow.window import Window, static_files
from recsvc.state import connect

HOME_ITEMS, SHELF_ITEMS = 12, 6
SHOWN_ORDERS, SHOWN_LINES = 4, 8
ASSETS = {
    "shop.css": "text/css; charset=utf-8",
    "shop.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# A mail has its styles inline, as mail programs want them; it may run nothing and frame nothing.
MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)


def add_pages(app: Flask) -> None:
    """Add the shop window to an application: its start page at /, all else under /shopwindow."""
    settings = service_of(app).settings
    window = Window(service_of(app), connect(settings.database_url, settings.store))
    window.warm_up()
    app.register_blueprint(_routes(window))


def _routes(window: Window) -> Blueprint:
    routes = Blueprint("shopwindow", __name__, template_folder="templates")
    routes.add_url_rule("/", "start", partial(start, window))
    routes.add_url_rule("/shopwindow/item", "item", partial(item, window))
    routes.add_url_rule("/shopwindow/cart", "cart", partial(cart, window))
    routes.add_url_rule("/shopwindow/mail", "mail", partial(mail, window))
    routes.add_url_rule("/shopwindow/mail/body", "mail_body", partial(mail_body, window))
    routes.add_url_rule("/shopwindow/elsewhere", "elsewhere", partial(elsewhere, window))
    routes.add_url_rule(TILE_PATH, "tile", tile)
    routes.add_url_rule("/shopwindow/static/<name>", "asset", asset)
    return routes


def visit_of_request() -> Visit:
    return read_visit(request.args, preferred_language(request.headers.get("Accept-Language", "")))


def page(window: Window, name: str, visit: Visit, status: int = 200, **values: object) -> Response:
    """A rendered page with what each of them shows, and the policy that all of them keep."""
    html = render_template(f"shopwindow/{name}.html", **window.frame(visit, request.path, request.args), **values)
    headers = {"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-store"}
    return Response(html, status, headers, content_type="text/html; charset=utf-8")


def start(window: Window) -> ResponseReturnValue:
    """Choose a customer, and see what they would see."""
    engine = window.engine()
    gallery = window.gallery(engine)
    visit = visit_of_request()
    if visit.unchosen and gallery.shown:
        visit = visit.as_customer(gallery.shown[0].customer_id)
    words = visit.words
    portrait = gallery.portrait(engine, visit.customer_id) if visit.customer_id else None
    ask = partial(window.shelf, engine, visit)
    shelves = []
    if visit.cart:
        shelves.append(
            ask(
                "cart",
                words.gettext("Goes well with your cart"),
                scenario="complements",
                items=visit.cart,
                n=SHELF_ITEMS,
            )
        )
    if portrait is None:
        about = words.gettext("Nobody knows this visitor yet, so this is what everybody buys.")
        shelves.append(ask("home", words.gettext("Popular right now"), about, scenario="home", n=HOME_ITEMS))
    else:
        shelves += [
            ask("home", words.gettext("Selected for you"), scenario="home", n=HOME_ITEMS),
            ask("again", words.gettext("Buy it again"), scenario="again", n=SHELF_ITEMS),
            ask("discover", words.gettext("Discover something new"), words.gettext("Never bought before"),
                scenario="discover", n=SHELF_ITEMS),
        ]  # fmt: skip
    orders = (
        last_orders(engine, portrait.customer_id, orders=SHOWN_ORDERS, lines=SHOWN_LINES)
        if portrait is not None
        else ()
    )
    ids = tuple(shown.customer_id for shown in gallery.shown)
    return page(
        window, "start", visit,
        shelves=shelves, portrait=portrait, orders=orders, gallery=gallery.shown,
        names=window.first_names((*ids, visit.customer_id) if visit.customer_id else ids),
        unknown=visit.customer_id if portrait is None else None,
    )  # fmt: skip


def item(window: Window) -> ResponseReturnValue:
    """One item and what goes well with it."""
    engine, visit = window.engine(), visit_of_request()
    item_id = request.args.get("item", "")
    place = engine.catalogue.items.find(item_id)
    words = visit.words
    if place < 0:
        text = words.gettext("This shop has no such item.")
        return page(window, "note", visit, 404, heading=words.gettext("Nothing on this shelf"), text=text)
    now = window.service.clock()
    product = engine.catalogue.product(place, now.timestamp())
    heading = words.gettext("Goes well with it")
    shelf = window.shelf(engine, visit, "with", heading, scenario="complements", items=(item_id,), n=SHELF_ITEMS)
    card = card_of(product, visit.language)
    available = bool(engine.catalogue.recommendable(now.timestamp())[place])
    return page(window, "item", visit, card=card, shelf=shelf, shelves=[shelf], available=available)


def cart(window: Window) -> ResponseReturnValue:
    """What lies in the cart, and what goes well with all of it."""
    engine, visit = window.engine(), visit_of_request()
    now = window.service.clock()
    places = [engine.catalogue.items.find(item_id) for item_id in visit.cart]
    products = [engine.catalogue.product(place, now.timestamp()) for place in places if place >= 0]
    visit = replace(visit, cart=tuple(product.item_id for product in products))
    shelves = []
    if products:
        heading = visit.words.gettext("Goes well with your cart")
        shelves.append(
            window.shelf(engine, visit, "cart", heading, scenario="complements", items=visit.cart, n=SHELF_ITEMS)
        )
    cards = [card_of(product, visit.language) for product in products]
    return page(window, "cart", visit, cards=cards, shelves=shelves, total=window.total(products, visit.language))


def mail(window: Window) -> ResponseReturnValue:
    """The e-mail to this customer, in a frame that can do nothing."""
    visit = visit_of_request()
    if visit.customer_id is None:
        words = visit.words
        text = words.gettext("A visitor whom nobody knows gets no mail. Choose a customer first.")
        return page(window, "note", visit, heading=words.gettext("No mail for new visitors"), text=text)
    letter = _letter(window, visit)
    width = "phone" if request.args.get("width") == "phone" else "desktop"
    return page(window, "mail", visit, letter=letter, width=width, shelves=[])


def mail_body(window: Window) -> ResponseReturnValue:
    """The mail alone, as a mail program would get it, except that its links open beside it."""
    html = _letter(window, visit_of_request()).mail.html.replace("<head>", '<head><base target="_blank">', 1)
    headers = {"Content-Security-Policy": MAIL_POLICY, "Cache-Control": "no-store"}
    return Response(html, 200, headers, content_type="text/html; charset=utf-8")


def _letter(window: Window, visit: Visit) -> Letter:
    language = request.args.get("mail")
    customer_id = visit.customer_id or ""
    known = window.customers((customer_id,)).get(customer_id)
    return write_letter(
        window.engine(),
        known or Customer(customer_id, profiling_ok=True),
        language=language if language in LANGUAGES else None,
        origin=request.host_url.rstrip("/"),
        item_address=lambda item_id: visit.address(url_for("shopwindow.item"), also=[("item", item_id)]),
        now=window.service.clock(),
    )


def elsewhere(window: Window) -> ResponseReturnValue:
    """Where the mail's links to imprint, privacy and the like lead in the demo."""
    visit = visit_of_request()
    words = visit.words
    headings = {
        "imprint": words.gettext("Imprint"),
        "privacy": words.gettext("Privacy"),
        "unsubscribe": words.gettext("Unsubscribe"),
    }
    heading = headings.get(request.args.get("to", ""), "Larder")
    text = words.gettext(
        "In a real campaign this link leads to a page of your shop. The demo sends no mail to anybody."
    )
    return page(window, "note", visit, heading=heading, text=text)


def tile() -> ResponseReturnValue:
    """A drawn picture for a category; there is one for every text, so no picture is ever broken."""
    svg = tile_svg(request.args.get("category", ""), close="close" in request.args)
    response = Response(svg, content_type="image/svg+xml; charset=utf-8")
    response.headers["Cache-Control"] = "public, max-age=86400"
    # The mail's frame has no origin of its own, and shows tiles too.
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.add_etag()
    return response.make_conditional(request)


def asset(name: str) -> ResponseReturnValue:
    """Style, script and icon; their addresses change with them, so that a browser may keep them for good."""
    if name not in ASSETS:
        raise NotFound
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(static_files()[name], headers=headers, content_type=ASSETS[name])
