"""`python deploy/pin.py staging service=REGISTRY/NAME@sha256:… ingest=…`: the images that an overlay runs, by digest.

Only these lines change: what ArgoCD then sees, and what a rollback takes back, is the one commit of them.
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
    """Raises `ValueError` for an image whose name or digest is none, and for one that the overlay does not have."""
    for image in images:
        found = _IMAGE.fullmatch(image)
        if found is None:
            raise ValueError(f"{image} is not service=REPOSITORY@sha256:… or ingest=REPOSITORY@sha256:….")
        if found["repository"] != found["repository"].lower():
            raise ValueError(f"{found['repository']} is no repository of images: their names are in lower case.")
        name = f"groundwork-{found['name']}"
        entry = f"  - name: {name}\n    newName: {found['repository']}\n    digest: {found['digest']}"
        before = rf"^  - (?:{{name: {name},.*}}|name: {name}\n    newName: .*\n    (?:newTag|digest): .*)$"
        kustomization, count = re.subn(before, entry, kustomization, flags=re.MULTILINE)
        if count != 1:
            raise ValueError(f"The overlay names {name} {count} times under `images`, and should do so once.")
    return kustomization


if __name__ == "__main__":
    sys.exit(main())
