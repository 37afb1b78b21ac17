"""What the ranker's features mean, in words for whoever runs the shop."""

FEATURE_WORDS = {
    "bought_brief": "own purchases of the last days",
    "bought_short": "own purchases of late",
    "bought_long": "own purchases over a longer time",
    "bought_lasting": "own purchases in all",
    "times": "orders with the item",
    "rate": "share of the orders that hold it",
    "share": "its share of what the customer buys",
    "since": "days since the last purchase",
    "gap": "usual days between purchases",
    "due": "days since the last purchase against the usual gap",
    "own_due": "days since the last purchase against the customer's own gap",
    "orders_since": "orders since without it",
    "quantity": "pieces an order",
    "place": "its place among the customer's items",
    "sales_brief": "what sells these days",
    "sales_short": "what sells of late",
    "sales_long": "what sells over a longer time",
    "sales_lasting": "what has always sold",
    "trend": "sales rising or falling",
    "trials": "customers who try it for the first time",
    "trials_lately": "customers who tried it these days",
    "trial_share": "share of its sales that are first purchases",
    "repeat_rate": "share of its buyers who buy it again",
    "item_gap": "days after which customers buy it again",
    "item_age": "days since its first sale",
    "price": "its price",
    "customer_orders": "orders of the customer",
    "customer_basket": "items an order of the customer",
    "customer_since": "days since the customer's last order",
    "customer_gap": "days between the customer's orders",
    "customer_recent": "different items that the customer bought of late",
    "customer_new_share": "share of new items in what the customer bought of late",
    "customer_items": "different items that the customer bought",
    "price_fit": "its price against what the customer usually pays",
    "brand_fit": "how much the customer buys of its brand",
    "price_in_leaf": "its price against what the customer pays in its category",
    "leaf_repeat_rate": "how often its category is bought again",
    "leaf_affinity": "how much more the customer buys of its category than others do",
    "customers_lift": "how much more customers with a similar taste buy it than others do",
}
SIGNAL_WORDS = {
    "customers_recent": "customers with a similar taste, of late",
    "customers_lasting": "customers with a similar taste, over a longer time",
    "customers_new": "customers with a similar taste, for the first time",
    "neighbours": "bought by who bought the customer's items",
    "neighbours_recent": "bought by who bought the customer's latest items",
    "factors": "the customer's taste as learned factors",
    "categories": "what sells in the customer's categories",
}
CATEGORY_WORDS = {
    "items": "different items",
    "weight": "purchases over a longer time",
    "times": "purchases",
    "since": "days since the last purchase",
    "share": "share of what the customer buys",
    "sales_share": "the item's share of the sales",
}
LEVELS = {"leaf": "in its category", "mid": "in the category above"}


def in_words(feature: str) -> str:
    """A feature in a few words; a feature that this version does not know by its name."""
    if feature in FEATURE_WORDS:
        return FEATURE_WORDS[feature]
    signal = feature.removesuffix("_relative")
    if signal in SIGNAL_WORDS:
        return SIGNAL_WORDS[signal] + (", against their best new item" if signal != feature else "")
    level, _, rest = feature.partition("_")
    if level in LEVELS and rest in CATEGORY_WORDS:
        return f"{CATEGORY_WORDS[rest]} {LEVELS[level]}"
    return feature.replace("_", " ")
