"""`python deploy/pin.py staging service=REGISTRY/NAME@sha256:… ingest=…`: set the images of an overlay by digest.

Only the image lines change, so reverting the one commit is a complete rollback.
"""

import re
import sys
from pathlib import Path

_OVERLAYS = Path(__file__).parent / "k8s" / "overlays"
_IMAGE = re.compile(r"(?P<name>service|ingest)=(?P<repository>[\w.:/-]+)@(?P<digest>sha256:[0-9a-f]{64})")


def main() -> int:
    overlay, *images = sys.argv[1:] or [""]
    path = _OVERLAYS / overlay / "kustomization.yaml"
    if not overlay or not images or not path.exists():
        sys.stderr.write(f"{__doc__}\nOverlays: {', '.join(sorted(it.name for it in _OVERLAYS.iterdir()))}.\n")
        return 2
    try:
        path.write_text(pinned(path.read_text(), images))
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def pinned(kustomization: str, images: list[str]) -> str:
    """Return the kustomization with the images pinned.

    Raises `ValueError` if an image has no valid name or digest, or if the overlay does not list it exactly once.
    """
    for image in images:
        match = _IMAGE.fullmatch(image)
        if match is None:
            raise ValueError(f"{image} must have the form service=REPOSITORY@sha256:… or ingest=REPOSITORY@sha256:….")
        if match["repository"] != match["repository"].lower():
            raise ValueError(f"{match['repository']} is not a valid image repository. Write it in lower case.")
        name = f"groundwork-{match['name']}"
        entry = f"  - name: {name}\n    newName: {match['repository']}\n    digest: {match['digest']}"
        before = rf"^  - (?:{{name: {name},.*}}|name: {name}\n    newName: .*\n    (?:newTag|digest): .*)$"
        kustomization, count = re.subn(before, entry, kustomization, flags=re.MULTILINE)
        if count != 1:
            raise ValueError(f"The overlay lists {name} {count} times under `images`. List it once.")
    return kustomization


if __name__ == "__main__":
    sys.exit(main())
