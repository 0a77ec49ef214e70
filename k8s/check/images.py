"""Images that are made upon others: their user has a name there, which PostgreSQL's programs do not start without."""

import re


def problems(containerfile):
    text = containerfile.read_text()
    stage = text[text.rindex("\nFROM ") :]
    user = re.search(r"^USER (\d+):(\d+)$", stage, re.MULTILINE)
    if stage.startswith("\nFROM scratch") or user is None:
        return
    for entry, path in ((f":x:{user[1]}:{user[2]}:", "/etc/passwd"), (f":x:{user[2]}:", "/etc/group")):
        if not re.search(rf"^RUN .*{entry}.* >>{path}\b", stage.replace("\\\n", ""), re.MULTILINE):
            yield f"{containerfile.name}: its user {user[1]}:{user[2]} is not in {path}"
