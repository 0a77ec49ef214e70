#!/usr/bin/env python3
"""Holds the orders of a running suite against the Olist data that they came from.

    kefu import customers OLIST/olist_customers_dataset.csv --mapping tests/import/olist-customers.toml --as erp
    kefu import orders    OLIST/olist_orders_dataset.csv    --mapping tests/import/olist-orders.toml    --as erp
    make check-orders OLIST=...

What the data says is read here by a few lines of its own. What the suite says is asked through
the gateway: ListOrders, ListCustomers for where who bought lives, and ListFollowUps for what
became somebody's task. Ends with 1 where anything differs.
"""

import argparse
import csv
import pathlib
import sys
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from suite import Gateway, options_of

ZONE = ZoneInfo("America/Sao_Paulo")
OVER = ("delivered", "canceled")
# Nothing is heard of an order for so long before it is stuck: the rules that are shipped are
# shorter, and the data ends in 2018.
SILENT = timedelta(days=30)
TIMES = (
    "order_purchase_timestamp",
    "order_approved_at",
    "order_delivered_carrier_date",
    "order_delivered_customer_date",
)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("olist", type=pathlib.Path, help="the folder of the CSV files")
    return options_of(parser)


class Figures:
    """What there is to compare, of either side."""

    def __init__(self):
        self.counts = Counter()
        self.days = defaultdict(list)

    def add(self, stage, state, placed, promised, reached, late, stuck):
        self.counts["orders"] += 1
        self.counts["delivered"] += stage == "delivered"
        self.counts["cancelled"] += stage == "canceled"
        if stage == "delivered":
            self.counts["delivered late"] += reached > promised
            self.days[state].append((reached - placed) / timedelta(days=1))
        self.counts["late, not delivered"] += late
        self.counts["stuck"] += stuck

    def means(self):
        return {state: sum(days) / len(days) for state, days in self.days.items()}


# The data.


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def local(text):
    """As the data has it: the clock of São Paulo."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=ZONE)


def moment(text):
    return local(text).astimezone()


def of_data(folder):
    buyers = {row["customer_id"]: row for row in rows(folder / "olist_customers_dataset.csv")}
    # A person is one customer, who lives where their first row says.
    states = {}
    for row in buyers.values():
        states.setdefault(row["customer_unique_id"], row["customer_state"])
    figures, now = Figures(), datetime.now(ZONE)
    for row in rows(folder / "olist_orders_dataset.csv"):
        times = [moment(row[column]) for column in TIMES if row[column]]
        promised, status = moment(row["order_estimated_delivery_date"]), row["order_status"]
        unended = status not in OVER
        figures.add(
            status,
            states[buyers[row["customer_id"]]["customer_unique_id"]],
            times[0],
            promised,
            # The latest, where it says no time of the stage or one before the stages before.
            max(times),
            unended and promised < now,
            unended and max(times) + SILENT < now,
        )
    return figures


# The suite.

STAGES = {"ORDER_STAGE_DELIVERED": "delivered", "ORDER_STAGE_CANCELLED": "canceled"}


def of_suite(gateway):
    lives, figures, stuck = {}, Figures(), set()
    for customer in gateway.all("ListCustomers", "customers"):
        for address in customer.get("addresses", []):
            lives[customer["name"]] = address.get("province", "")
    for order in gateway.all("ListOrders", "orders"):
        if not order.get("externalRef", "").startswith("olist:"):
            continue
        at = lambda field: datetime.fromisoformat(order[field])
        figures.add(
            STAGES.get(order["stage"], "under way"),
            lives[order["customer"]],
            at("placedTime"),
            at("promisedTime"),
            at("stageTime"),
            "lateTime" in order,
            "stuckTime" in order,
        )
        if "stuckTime" in order:
            stuck.add(order["name"])
    tasks = Counter(
        task["subject"]
        for task in gateway.all("ListFollowUps", "followUps", filter="kind = STUCK")
        if task["subject"] in stuck
    )
    return figures, tasks


def main():
    options = arguments()
    data = of_data(options.olist)
    suite, tasks = of_suite(Gateway(options))
    wrong = 0
    print(f"{'':22} {'data':>12} {'suite':>12}")
    for what, count in data.counts.items():
        told = suite.counts[what]
        print(f"{what:22} {count:12} {told:12}")
        wrong += count != told
    once = sum(count == 1 for count in tasks.values())
    print(f"{'stuck, a task once':22} {data.counts['stuck']:12} {once:12}")
    wrong += once != data.counts["stuck"] or once != len(tasks)
    print("mean days from purchase to delivery, by state")
    ours, theirs = data.means(), suite.means()
    for state in sorted(ours.keys() | theirs.keys()):
        mean, told = ours.get(state, 0.0), theirs.get(state, 0.0)
        print(f"    {state:18} {mean:12.6f} {told:12.6f}")
        wrong += abs(mean - told) > 1e-6
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
