"""What the ranker's features mean, in words for whoever runs the shop."""

from collections.abc import Callable


def _(message: str) -> str:
    """Marks a text for translation; what it is in the reader's language is looked up when it is shown."""
    return message


FEATURE_WORDS = {
    "bought_brief": _("own purchases of the last days"),
    "bought_short": _("own purchases of late"),
    "bought_long": _("own purchases over a longer time"),
    "bought_lasting": _("own purchases in all"),
    "times": _("orders with the item"),
    "rate": _("share of the orders that hold it"),
    "share": _("its share of what the customer buys"),
    "since": _("days since the last purchase"),
    "gap": _("usual days between purchases"),
    "due": _("days since the last purchase against the usual gap"),
    "own_due": _("days since the last purchase against the customer's own gap"),
    "orders_since": _("orders since without it"),
    "quantity": _("pieces an order"),
    "place": _("its place among the customer's items"),
    "sales_brief": _("what sells these days"),
    "sales_short": _("what sells of late"),
    "sales_long": _("what sells over a longer time"),
    "sales_lasting": _("what has always sold"),
    "trend": _("sales rising or falling"),
    "trials": _("customers who try it for the first time"),
    "trials_lately": _("customers who tried it these days"),
    "trial_share": _("share of its sales that are first purchases"),
    "repeat_rate": _("share of its buyers who buy it again"),
    "item_gap": _("days after which customers buy it again"),
    "item_age": _("days since its first sale"),
    "price": _("its price"),
    "customer_orders": _("orders of the customer"),
    "customer_basket": _("items an order of the customer"),
    "customer_since": _("days since the customer's last order"),
    "customer_gap": _("days between the customer's orders"),
    "customer_recent": _("different items that the customer bought of late"),
    "customer_new_share": _("share of new items in what the customer bought of late"),
    "customer_items": _("different items that the customer bought"),
    "price_fit": _("its price against what the customer usually pays"),
    "brand_fit": _("how much the customer buys of its brand"),
    "price_in_leaf": _("its price against what the customer pays in its category"),
    "leaf_repeat_rate": _("how often its category is bought again"),
    "leaf_affinity": _("how much more the customer buys of its category than others do"),
    "customers_lift": _("how much more customers with a similar taste buy it than others do"),
}
SIGNAL_WORDS = {
    "customers_recent": _("customers with a similar taste, of late"),
    "customers_lasting": _("customers with a similar taste, over a longer time"),
    "customers_new": _("customers with a similar taste, for the first time"),
    "neighbours": _("bought by who bought the customer's items"),
    "neighbours_recent": _("bought by who bought the customer's latest items"),
    "ease": _("what completes all that the customer buys"),
    "factors": _("the customer's taste as learned factors"),
    "categories": _("what sells in the customer's categories"),
}
CATEGORY_WORDS = {
    "items": _("different items"),
    "weight": _("purchases over a longer time"),
    "times": _("purchases"),
    "since": _("days since the last purchase"),
    "share": _("share of what the customer buys"),
    "sales_share": _("the item's share of the sales"),
}
LEVELS = {"leaf": _("in its category"), "mid": _("in the category above")}
RELATIVE = _("against their best new item")


def in_words(feature: str, translated: Callable[[str], str] = str) -> str:
    """A feature in a few words, each part as `translated` says it; one that this version does not know by its name."""
    if feature in FEATURE_WORDS:
        return translated(FEATURE_WORDS[feature])
    signal = feature.removesuffix("_relative")
    if signal in SIGNAL_WORDS:
        words = translated(SIGNAL_WORDS[signal])
        return words if signal == feature else f"{words}, {translated(RELATIVE)}"
    level, _, rest = feature.partition("_")
    if level in LEVELS and rest in CATEGORY_WORDS:
        return f"{translated(CATEGORY_WORDS[rest])} {translated(LEVELS[level])}"
    return feature.replace("_", " ")
