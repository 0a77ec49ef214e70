"""Every object against its schema, in which no field is there that is not known."""

import functools
import json
import pathlib

import jsonschema
import kubernetes_validate
from kubernetes_validate import utils

from objects import title

# The oldest that runs all that is used (preStop.sleep), and the newest that there is.
VERSIONS = ("1.30", utils.major_minor(utils.latest_version()))
OWN = pathlib.Path(__file__).resolve().parent.parent / "schemas"

# It reads a megabyte of definitions for each object.
utils.schema_contents = functools.cache(utils.schema_contents)


def problems(found):
    for one in found:
        api = one["apiVersion"]
        own = OWN / f"{api.replace('/', '_')}_{one['kind']}.json"
        if own.exists():
            yield from _against_own(one, own)
        else:
            yield from _against_kubernetes(one)


def _against_kubernetes(one):
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(one, version, strict=True)
        except utils.SchemaNotFoundError:
            yield f"{title(one)}: no schema of {one['apiVersion']} {one['kind']} in {version}"
        except kubernetes_validate.ValidationError as error:
            yield f"{title(one)} ({version}): {_place(error)}: {error.message}"


def _against_own(one, path):
    for error in jsonschema.Draft202012Validator(_strict_schema(path)).iter_errors(one):
        yield f"{title(one)}: {_place(error)}: {error.message}"


@functools.cache
def _strict_schema(path):
    schema = json.loads(path.read_text())
    closed = _closed(schema)
    closed["properties"]["metadata"] = {"type": "object"}
    return closed


def _closed(schema):
    """The same schema, refusing what it does not name."""
    schema = {key: _closed_within(key, value) for key, value in schema.items()}
    open_ended = schema.get("additionalProperties") or schema.get("x-kubernetes-preserve-unknown-fields")
    if "properties" in schema and not open_ended:
        schema["additionalProperties"] = False
    return schema


def _closed_within(key, value):
    # Branches of oneOf and the like only say more of the properties around them.
    if key == "properties":
        return {name: _closed(inner) for name, inner in value.items()}
    if key in ("items", "additionalProperties") and isinstance(value, dict):
        return _closed(value)
    return value


def _place(error):
    return ".".join(str(part) for part in error.absolute_path) or "."
