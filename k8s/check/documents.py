"""Commands in the documents: what `kubectl` is told to work on is there, by name and by label."""

import re

from objects import of_kind

KINDS = {"deployment": "Deployment", "cronjob": "CronJob", "job": "Job", "externalsecret": "ExternalSecret"}
NAMED = re.compile(rf"\b({'|'.join(KINDS)})[/ ]([a-z][a-z0-9-]*)")
MADE = re.compile(r"\bcreate (job) ([a-z][a-z0-9-]*)")
LABELS = re.compile(r" -l '?([a-z0-9./-]+)!?=([a-z0-9-]+)")


def commands(folder):
    for path in sorted(folder.glob("*.md")):
        for command in re.findall(r"kubectl [^`\n#|]*", path.read_text()):
            yield path.name, command.strip()


def problems(found, told):
    """Of what was rendered, against (document, command)."""
    told = list(told)
    there = {(kind, one["metadata"]["name"]) for kind, title in KINDS.items() for one in of_kind(found, title)}
    there |= {match for _, command in told for match in MADE.findall(command)}
    for document, command in told:
        for kind, name in NAMED.findall(command):
            if (kind, name) not in there:
                yield f"{document}: there is no {kind} {name}: {command}"
        for label, value in LABELS.findall(command):
            kinds = [title for kind, title in KINDS.items() if f" {kind} " in command]
            chosen = [one for one in found if not kinds or one["kind"] in kinds]
            if not any(one["metadata"].get("labels", {}).get(label) == value for one in chosen):
                yield f"{document}: nothing has {label}={value}: {command}"
