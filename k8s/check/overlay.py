"""One overlay: rendering it, and all that can be wrong with it."""

import pathlib
import subprocess

import arrows
import configs
import documents
import objects
import pods
import references
import schemas

K8S = pathlib.Path(__file__).resolve().parent.parent
TABLE = K8S / "arrows.toml"
# The overlay that the documents are of.
TOLD_OF = "prod"


def render(program, name):
    """Its objects, as `kubectl kustomize` or `kustomize build` makes them."""
    verb = "build" if pathlib.Path(program).name == "kustomize" else "kustomize"
    command = [program, verb, str(K8S / "overlays" / name)]
    return objects.read(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def problems(name, found):
    yield from schemas.problems(found)
    yield from pods.problems(found)
    yield from configs.problems(found)
    yield from references.problems(found, references.made_by_hand(K8S / "new-keys"))
    yield from arrows.problems(found, arrows.wanted(TABLE, name))
    if name == TOLD_OF:
        yield from documents.problems(found, documents.commands(K8S.parent / "docs"))
