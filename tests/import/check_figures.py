#!/usr/bin/env python3
"""Holds the figures of a running suite against the data that its records came from.

    kefu import …            (as check_orders.py and check_incidents.py say)
    make check-figures OLIST=… LOG=…/incidents.csv

Every figure of the catalogue that the data allows is computed here from the CSV files by a few
lines of its own, and asked of the suite as the company leader asks for it. A line each: how many
numbers there are, the largest of them on either side, and how many differ. Ends with 1 where any does.
"""

import argparse
import pathlib
import sys
from collections import Counter, defaultdict
from datetime import date, datetime
from decimal import Decimal

from check_incidents import of_log
from check_orders import TIMES, ZONE, local, rows
from suite import Gateway, options_of

FIRST, LAST = date(2016, 1, 1), date(2018, 12, 31)
# A quarter, and the one before.
QUARTER = (date(2018, 4, 1), date(2018, 6, 30))
BEFORE = (date(2018, 1, 1), date(2018, 3, 31))
# Whose first order is of this year.
COHORTS = (date(2017, 1, 1), date(2017, 12, 31))
LARGEST = 20
# The days of the log.
LOG = (date(2016, 1, 1), date(2017, 12, 31))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("olist", type=pathlib.Path, help="the folder of the CSV files")
    parser.add_argument("log", type=pathlib.Path, help="incidents.csv")
    parser.add_argument("--products", type=pathlib.Path, help="order_followup.product_categories, one a line; without: none")
    return options_of(parser, login="chen.guodong", purpose="analysis")


# The data.


class Orders:
    """The orders of the data, each with its customer, what it came to and whether it was late."""

    def __init__(self, folder, listed):
        people, self.regions = {}, {}
        for row in rows(folder / "olist_customers_dataset.csv"):
            people[row["customer_id"]] = row["customer_unique_id"]
            # Of several rows of somebody the first counts.
            self.regions.setdefault(row["customer_unique_id"], f"BR-{row['customer_state']}")
        kinds = {row["product_category_name"]: row["product_category_name_english"]
                 for row in rows(folder / "product_category_name_translation.csv")}
        products = {row["product_id"]: kinds.get(row["product_category_name"]) or row["product_category_name"]
                    for row in rows(folder / "olist_products_dataset.csv")}
        amounts, bought = defaultdict(Decimal), defaultdict(lambda: defaultdict(Decimal))
        for item in rows(folder / "olist_order_items_dataset.csv"):
            amount = Decimal(item["price"]) + Decimal(item["freight_value"])
            amounts[item["order_id"]] += amount
            kind = products.get(item["product_id"]) or ""
            bought[item["order_id"]][kind if kind in listed else ""] += amount
        self.all, now = [], datetime.now(ZONE)
        for row in rows(folder / "olist_orders_dataset.csv"):
            status = row["order_status"]
            times = [local(row[one]) for one in TIMES if row[one]]
            reached = max(times) if status == "delivered" else now
            self.all.append({
                "id": row["order_id"],
                "customer": people[row["customer_id"]],
                "status": status,
                "at": times[0],
                "month": times[0].strftime("%Y-%m"),
                # One without lines comes to nothing.
                "amount": amounts.get(row["order_id"], Decimal()),
                "bought": bought.get(row["order_id"]) or {"": Decimal()},
                "late": reached > local(row["order_estimated_delivery_date"]),
            })
        known = {order["id"] for order in self.all}
        # Within an order a review is there once.
        self.reviews = {(row["order_id"], row["review_id"]): row
                        for row in rows(folder / "olist_order_reviews_dataset.csv")
                        if row["order_id"] in known}.values()
        self.kept = [order for order in self.all if order["status"] != "canceled"]

    def of(self, period):
        first, last = period
        return [order for order in self.kept if first <= order["at"].date() <= last]


def months_between(first, then):
    year, month = map(int, first.split("-"))
    other, last = map(int, then.split("-"))
    return (other - year) * 12 + last - month


# The suite.


class Suite(Gateway):
    def query(self, metric, *by, period=(FIRST, LAST), zone="America/Sao_Paulo", **more):
        day = lambda one: {"year": one.year, "month": one.month, "day": one.day}
        request = {
            "metric": metric,
            "timeZone": zone,
            "groupBy": [f"DIMENSION_{one.upper()}" for one in by],
            **more,
        }
        if period:
            request |= {"firstDay": day(period[0]), "lastDay": day(period[1])}
        return request

    def rows(self, metric, *by, value=lambda row: int(row.get("count", 0)), **more):
        """What the rows of a figure say, by their dimensions; by nothing: of all."""
        answer = self.call("QueryMetric", self.query(metric, *by, **more))
        if not by:
            return {"all": value(answer["total"])}
        return {"/".join(row["dimensions"]): value(row) for row in answer["rows"]}

    def largest(self):
        query = self.query("sales", "customer", "currency", limit=LARGEST, rankBy="RANK_BY_SUM")
        answer = self.call("RankCustomers", {"query": query})
        return [cents(row) for row in answer["customers"]]


def cents(row):
    return Decimal(row.get("sum", "0")).quantize(Decimal("0.01"))


def mean(row):
    return round(float(row.get("mean", 0)), 9)


def share(row):
    return int(Decimal(row.get("sum", "0")))


# Both.


class Table:
    def __init__(self):
        self.wrong = 0
        print(f"{'figure':52} {'numbers':>8} {'data':>16} {'suite':>16} {'differ':>7}")

    def line(self, what, data, suite):
        data = {key: value for key, value in data.items() if value}
        suite = {key: value for key, value in suite.items() if value}
        differ = sum(data.get(key) != suite.get(key) for key in data.keys() | suite.keys())
        key = max(data, key=data.get) if data else None
        print(f"{what:52} {len(data):8} {data.get(key, 0)!s:>16} {suite.get(key, 0)!s:>16} {differ:7}")
        self.wrong += differ


STAGES = {
    "created": "submitted", "approved": "confirmed", "invoiced": "paid", "processing": "picking",
    "unavailable": "short", "shipped": "shipped", "delivered": "delivered", "canceled": "cancelled",
}


def sums(pairs):
    found = defaultdict(Decimal)
    for key, amount in pairs:
        found[key] += amount
    return found


def means(pairs):
    found = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return {key: round(sum(values) / len(values), 9) for key, values in found.items()}


def orders(table, data, suite):
    table.line("orders by month", Counter(one["month"] for one in data.all), suite.rows("orders", "month"))
    table.line("orders by status", Counter(STAGES[one["status"]] for one in data.all),
               suite.rows("orders", "status"))
    priced = [(f"{one['month']}/BRL", one["amount"]) for one in data.kept]
    table.line("sales by month: orders", Counter(key for key, _ in priced),
               suite.rows("sales", "month", "currency"))
    table.line("sales by month: amount", sums(priced), suite.rows("sales", "month", "currency", value=cents))
    sold = [(f"{kind}/BRL", amount) for one in data.kept for kind, amount in one["bought"].items()]
    table.line("sales by product: orders", Counter(key for key, _ in sold),
               suite.rows("product_sales", "product", "currency"))
    table.line("sales by product: amount", sums(sold), suite.rows("product_sales", "product", "currency", value=cents))
    table.line("sales by region: amount", sums((f"{data.regions[one['customer']]}/BRL", one["amount"]) for one in data.kept),
               suite.rows("sales", "region", "currency", value=cents))
    table.line("orders by region", Counter(data.regions[one["customer"]] for one in data.all),
               suite.rows("orders", "region"))
    table.line("order lateness by month: late", Counter(one["month"] for one in data.kept if one["late"]),
               suite.rows("order_lateness", "month", value=share))
    table.line("order lateness by month: orders", Counter(one["month"] for one in data.kept),
               suite.rows("order_lateness", "month"))
    answered = [(local(one["review_answer_timestamp"]).strftime("%Y-%m"), int(one["review_score"]))
                for one in data.reviews]
    table.line("order satisfaction by month: answers", Counter(key for key, _ in answered),
               suite.rows("order_satisfaction", "month"))
    table.line("order satisfaction by month: mean", means(answered),
               suite.rows("order_satisfaction", "month", value=mean))


def customers(table, data, suite):
    # Of every time: they were entered when they were imported. Callers of the log have no region.
    told = suite.rows("customers", "region", period=None)
    table.line("customers by region", Counter(data.regions.values()),
               {region: count for region, count in told.items() if region})
    active = {one["customer"] for one in data.of(BEFORE)}
    stayed = active & {one["customer"] for one in data.of(QUARTER)}
    told = lambda value: suite.rows("churn", period=QUARTER, value=value)
    table.line("churn of a quarter: active before", {"all": len(active)}, told(lambda row: int(row["count"])))
    table.line("churn of a quarter: not any more", {"all": len(active - stayed)}, told(share))

    until = COHORTS[1]
    bought = defaultdict(set)
    for one in data.kept:
        if one["at"].date() <= until:
            bought[one["customer"]].add(one["month"])
    cohorts, last = defaultdict(list), until.strftime("%Y-%m")
    for months in bought.values():
        if min(months) >= COHORTS[0].strftime("%Y-%m"):
            cohorts[min(months)].append(months)
    sizes, stays = {}, {}
    for first, members in cohorts.items():
        for age in range(months_between(first, last) + 1):
            sizes[f"{first}/{age}"] = len(members)
            stays[f"{first}/{age}"] = sum(
                any(months_between(first, month) == age for month in months) for months in members)
    table.line("retention by cohort and age: customers", sizes,
               suite.rows("cohort_retention", "cohort", "age", period=COHORTS))
    table.line("retention by cohort and age: active", stays,
               suite.rows("cohort_retention", "cohort", "age", period=COHORTS, value=share))

    spent = sums((one["customer"], one["amount"]) for one in data.kept)
    # Fifths of which the first ones are larger where they cannot be alike, as of any ranking.
    ranked, fifths, at = sorted(spent.values()), {}, 0
    for fifth in range(5):
        size = len(ranked) // 5 + (fifth < len(ranked) % 5)
        fifths[f"{fifth + 1}/BRL"] = sum(ranked[at:at + size])
        at += size
    table.line("buyers by fifths of value: amount", fifths,
               suite.rows("buyers", "monetary", "currency", value=cents))
    table.line("buyers: customers", {"all": len(spent)}, suite.rows("buyers"))
    table.line(f"customers ranked by what they bought: {LARGEST}",
               dict(enumerate(sorted(spent.values(), reverse=True)[:LARGEST])),
               dict(enumerate(suite.largest())))


CHANNELS = {"Phone": "phone", "Email": "email", "IVR": "phone", "Self service": "self_service",
            "Direct opening": "on_site"}
PRIORITIES = {"1": "critical", "2": "high", "3": "moderate", "4": "low"}


def tickets(table, log, suite):
    last = {}
    for row in rows(log):
        last[row["number"]] = row
    incidents = of_log(log)
    of_all = lambda metric, *by, **more: suite.rows(metric, *by, zone="UTC", period=LOG, **more)
    month = lambda number: incidents[number]["opened"].strftime("%Y-%m")
    table.line("tickets by month", Counter(map(month, last)), of_all("tickets", "month"))
    table.line("tickets by channel", Counter(CHANNELS[one["contact_type"]] for one in last.values()),
               of_all("tickets", "channel"))
    table.line("tickets by priority", Counter(PRIORITIES[one["priority"][0]] for one in last.values()),
               of_all("tickets", "priority"))
    known = lambda text: "" if text == "?" else text
    table.line("tickets by category", Counter(known(one["category"]) for one in last.values()),
               of_all("tickets", "category"))
    table.line("resolution rate: received", {"all": len(last)}, of_all("resolution_rate"))
    table.line("resolution rate: resolved", {"all": sum(one["resolved"] is not None for one in incidents.values())},
               of_all("resolution_rate", value=share))
    table.line("reopening rate: reopened", {"all": sum(one["reopenings"] > 0 for one in incidents.values())},
               of_all("reopening_rate", value=share))
    lasted = [(month(number), int((one["resolved"] - one["opened"]).total_seconds()))
              for number, one in incidents.items()]
    table.line("time to resolution by month: mean seconds", means(lasted),
               of_all("total_resolution_time", "month", value=mean))
    table.line("time to resolution: median seconds", {"all": at(sorted(value for _, value in lasted), 0.5)},
               of_all("total_resolution_time", value=lambda row: int(row["p50"])))
    table.line("time to resolution: 90th percentile", {"all": at(sorted(value for _, value in lasted), 0.9)},
               of_all("total_resolution_time", value=lambda row: int(row["p90"])))


def at(ordered, part):
    """The first of which at least this part of all are no larger."""
    return next(value for number, value in enumerate(ordered, 1) if number >= part * len(ordered))


def main():
    options = arguments()
    table, suite = Table(), Suite(options)
    listed = set(options.products.read_text().split()) if options.products else set()
    data = Orders(options.olist, listed)
    orders(table, data, suite)
    customers(table, data, suite)
    tickets(table, options.log, suite)
    sys.exit(1 if table.wrong else 0)


if __name__ == "__main__":
    main()
