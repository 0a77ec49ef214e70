#!/usr/bin/env python3
"""Holds the tickets of a running suite against the log of incidents that they came from.

    kefu import customers LOG --mapping tests/import/incidents-customers.toml --as erp
    kefu import tickets   LOG --mapping tests/import/incidents-tickets.toml   --as erp
    make check-incidents LOG=.../incidents.csv

What the log says is read here by a few lines of its own. What the suite says is asked through
the gateway: ListTickets, ListAssignments of each ticket, and TryTargets with
incidents-targets.json. Ends with 1 where anything differs.
"""

import argparse
import csv
import json
import pathlib
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

from suite import Gateway, options_of

HERE = pathlib.Path(__file__).parent


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("log", help="incidents.csv")
    parser.add_argument("--targets", default=HERE / "incidents-targets.json")
    return options_of(parser)


# The log.


def moment(text):
    if text == "?":
        return None
    return datetime.strptime(text, "%d-%m-%Y %H:%M").replace(tzinfo=timezone.utc)


def of_log(path):
    """What the log says of each incident, by its number."""
    rows = {}
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            rows.setdefault(row["number"], []).append(row)
    incidents = {}
    for number, history in rows.items():
        last = history[-1]
        resolved = moment(last["resolved_at"])
        if resolved is None:
            # It does not say when: when it first says that.
            solved = [row for row in history if row["incident_state"] in ("Resolved", "Closed")]
            resolved = max(moment(solved[0]["sys_updated_at"]), moment(last["opened_at"]))
        incidents[number] = {
            "reopenings": int(last["reopen_count"]),
            "reassignments": int(last["reassignment_count"]),
            "opened": moment(last["opened_at"]),
            "resolved": resolved,
            "closed": moment(last["closed_at"]),
            "met target": last["made_sla"] == "TRUE",
        }
    return incidents


# The suite.


class Suite(Gateway):
    def __init__(self, options):
        super().__init__(options)
        self.targets = json.loads(pathlib.Path(options.targets).read_text(encoding="utf-8"))

    def tickets(self):
        """All tickets that came from the log, by the incident's number."""
        found = {}
        for ticket in self.all("ListTickets", "tickets"):
            kind, _, number = ticket.get("externalRef", "").partition(":")
            if kind == "incident":
                found[number] = ticket
        return found

    def of(self, ticket):
        """What it says of one."""
        hands = self.call("ListAssignments", {"parent": ticket["name"]})
        people = [one.get("to", "") for one in hands.get("assignments", [])]
        request = {"parent": ticket["name"], "definition": self.targets}
        clocks = self.call("TryTargets", request).get("clocks", [])
        missed = [one for one in clocks if one["state"] == "CLOCK_STATE_MISSED"]
        at = lambda field: datetime.fromisoformat(ticket[field]) if field in ticket else None
        return {
            "reopenings": ticket.get("reopenCount", 0),
            # The first hands are no other ones.
            "reassignments": max(len(people) - 1, 0),
            "opened": at("receivedTime"),
            "resolved": at("resolvedTime"),
            "closed": at("closedTime"),
            "met target": bool(clocks) and not missed,
        }


def main():
    options = arguments()
    log, suite = of_log(options.log), Suite(options)
    tickets = suite.tickets()
    with ThreadPoolExecutor(2) as pool:
        told = dict(zip(tickets, pool.map(suite.of, tickets.values())))
    both = [(number, log[number], told[number]) for number in log if number in told]
    print(f"{'':16} {'log':>8} {'suite':>8} {'alike':>8}")
    print(f"{'incidents':16} {len(log):8} {len(told):8} {len(both):8}")
    wrong = len(log) - len(both) + len(told) - len(both)
    for what in next(iter(log.values())):
        sums = [sum(side[what] if isinstance(side[what], int) else side[what] is not None
                    for side in sides) for sides in (log.values(), told.values())]
        alike = sum(ours[what] == theirs[what] for _, ours, theirs in both)
        print(f"{what:16} {sums[0]:8} {sums[1]:8} {alike:8}")
        wrong += len(both) - alike
        for number, ours, theirs in both:
            if ours[what] != theirs[what]:
                print(f"    {number}: {ours[what]} in the log, {theirs[what]} in the suite")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
