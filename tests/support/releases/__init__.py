"""Small data directories that earlier versions of this project wrote, to test that they can be upgraded.

Each archive has the folder `data`, and `release.json` with what the version answered.
`python -m tests.support.releases` adds one.
"""

import json
import tarfile
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
RELEASES = sorted(path.name.removesuffix(".tar.xz") for path in FOLDER.glob("*.tar.xz"))
"""The names of the archives: the schema of the collection, then the commit whose tree wrote it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """An unpacked data directory."""

    data_dir: Path
    schema: int
    """The schema of the collection's points."""
    key: str
    """A writer's API key of the tenant `default`."""
    documents: list[str]
    """The URIs of all ready documents."""
    answers: dict[str, list[str]]
    """For each question, the texts of the cited passages, best first."""


def unpack(name: str, target: Path) -> Release:
    """Unpack the archive into a folder that exists."""
    with tarfile.open(FOLDER / f"{name}.tar.xz") as archive:
        # Python 3.11 has filters from 3.11.4 on, and Debian 12 ships 3.11.2.
        archive.extractall(target, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    written = json.loads((target / "release.json").read_text())
    return Release(data_dir=target / "data", schema=int(name.split("-")[1]), **written)
