"""`python -m tests.support.releases COMMIT SCHEMA`: let the tree of a commit write a small data directory, and pack it.

Run it before a stored format changes, with the last commit before the change.
The directory has files and an upload that were ingested, an upload that was rejected, one that waits, and API keys.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.support.releases import FOLDER

_ROOT = Path(__file__).parents[3]
_FILES = {
    "refunds.md": "# Refunds\n\nA refund arrives within ten days after the parcel is back in our warehouse.\n\n"
    "## Exceptions\n\nOpened software and vouchers cannot be returned.\n",
    "parking.md": "# Parking\n\nVisitors park on the roof of the car park in Mill Street. The first hour is free.\n",
    "kiln.txt": "The kiln is heated to 1040 degrees and cools down for two days before it is opened.\n",
}
_UPLOAD = b"# Library\n\nThe library lends each book for four weeks. Reservations can be made by telephone.\n"
_WAITING = b"# Canteen\n\nThe canteen serves lunch from noon until two.\n"
_QUESTIONS = (
    "How long does a refund take?",
    "Where do visitors park?",
    "How hot is the kiln?",
    "For how long does the library lend a book?",
)
_SECONDS = 180.0


def main() -> None:
    """Check the commit out beside this tree, let it write, and pack what it wrote."""
    commit, schema = sys.argv[1:]
    with tempfile.TemporaryDirectory() as temporary:
        folder, tree = Path(temporary), Path(temporary) / "tree"
        _git("worktree", "add", "--detach", str(tree), commit)
        try:
            written = _write(tree, folder)
        finally:
            _git("worktree", "remove", "--force", str(tree))
        (folder / "release.json").write_text(json.dumps(written, indent=1))
        target = FOLDER / f"schema-{schema}-{commit[:7]}.tar.xz"
        # The working shard and the links to models can be made again. Holes in the files of the shard stay holes.
        left_out = [f"--exclude=data/{name}" for name in ("models", "store/working", "service.log")]
        subprocess.run(
            [
                "tar",
                "--sparse",
                "--owner=0",
                "--group=0",
                "-C",
                folder,
                *left_out,
                "-cJf",
                target,
                "data",
                "release.json",
            ],
            check=True,
            env=os.environ | {"XZ_OPT": "-9e"},
        )
        sys.stdout.write(f"{target.name}: {target.stat().st_size:,} bytes\n")


def _write(tree: Path, folder: Path) -> dict[str, Any]:
    library, data = folder / "library", folder / "data"
    library.mkdir()
    data.mkdir()
    if models := os.environ.get("RAG_MODELS_PATH"):
        (data / "models").symlink_to(models)
    else:
        _run(_ROOT, data, "ingest", "export")
    for name, text in _FILES.items():
        (library / name).write_text(text)
    _run(tree, data, "ingest", "run", str(library))
    with _service(tree, data) as http:
        http.put("/v1/documents/library.md", content=_UPLOAD).raise_for_status()
        http.put("/v1/documents/broken.pdf", content=b"not a PDF").raise_for_status()
        _wait_for_state(http, "library.md", "ready")
        _wait_for_state(http, "broken.pdf", "rejected")
        answers = {question: _cited(http, question) for question in _QUESTIONS}
        documents = http.get("/v1/documents").json()["documents"]
    with _service(tree, data, RAG_WORKER="none") as http:
        http.put("/v1/documents/canteen.md", content=_WAITING).raise_for_status()
    created = _run(tree, data, "service", "keys", "create", "--role", "writer")
    found = re.search(r"gw_\w+", created)
    assert found, created
    ready = sorted(document["uri"] for document in documents if document["state"] == "ready")
    return {"key": found[0], "documents": ready, "answers": answers}


def _cited(http: httpx.Client, question: str) -> list[str]:
    response = http.post("/v1/answers", json={"question": question, "mode": "quote"})
    response.raise_for_status()
    return [citation["text"] for citation in response.json()["citations"]]


def _wait_for_state(http: httpx.Client, document: str, state: str) -> None:
    deadline = time.monotonic() + _SECONDS
    while (found := http.get(f"/v1/documents/{document}").json()).get("state") != state:
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


@contextmanager
def _service(tree: Path, data: Path, **settings: str) -> Iterator[httpx.Client]:
    log = data / "service.log"
    command = [sys.executable, "-m", "service", "--port", "0"]
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=tree, env=_environment(data) | settings, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + _SECONDS
        while not (found := re.search(r"http://(?:localhost|127\.0\.0\.1):(\d+)", log.read_text())):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        transport = httpx.HTTPTransport(retries=8)  # The address is printed before the service listens.
        with httpx.Client(base_url=f"http://127.0.0.1:{found[1]}", timeout=_SECONDS, transport=transport) as http:
            yield http
    finally:
        process.terminate()
        process.wait(_SECONDS)


def _run(tree: Path, data: Path, *command: str) -> str:
    arguments = [sys.executable, "-m", *command]
    return subprocess.run(arguments, cwd=tree, env=_environment(data), check=True, text=True, stdout=-1).stdout


def _environment(data: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RAG_")}
    return inherited | {"RAG_DATA_DIR": str(data), "RAG_WORKER_PORT": "0"}


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=_ROOT, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
