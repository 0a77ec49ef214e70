"""`make k8s-check`: says what is wrong with the overlays, and whether it would be found.

python3 k8s/check KUBECTL, with kubernetes-validate on the path.
"""

import sys

import arrows
import images
import overlay
import spoilt


def main(program):
    wrong = list(arrows.unlike_the_code(overlay.TABLE, overlay.K8S.parent / "services"))
    wrong += images.problems(overlay.K8S.parent / "Containerfile.backup")
    for name in sorted(folder.name for folder in (overlay.K8S / "overlays").iterdir()):
        found = overlay.render(program, name)
        wrong += (problems := [f"overlay {name}: {said}" for said in overlay.problems(name, found)])
        print(f"overlay {name}: {len(found)} objects, {len(problems)} problems")
    missed = list(spoilt.missed(overlay.render(program, "prod")))
    wrong += [f"the check does not find: {words}" for words in missed]
    print(f"{len(spoilt.SPOILT) - len(missed)} of {len(spoilt.SPOILT)} spoilt deployments are found out")
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
