"""`snapshots.py make | drill`: create snapshots of all nodes of a Qdrant cluster, or test that they can be restored.

A snapshot covers one node, so each node has its own and gets it back. All snapshots are in one bucket. Their names have
the form COLLECTION-PEER-TIME.snapshot, which gives the node and the age.
The script is mounted into the ingest image, so it uses only Python's standard library.
"""

import json
import os
import shutil
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

NODES = os.environ["QDRANT_NODES"].split()
ALIAS = os.environ.get("RAG_STORE__COLLECTION", "groundwork")
DRILL = f"{ALIAS}-drill"
KEPT = int(os.environ.get("SNAPSHOTS_KEPT", "14"))
_SECONDS = 3600


def main(action: str) -> int:
    match action:
        case "make":
            _make()
        case "drill":
            return _drill()
        case _:
            sys.exit("snapshots.py make | drill")
    return 0


def _make() -> None:
    """Create a snapshot on each node and delete all but the latest `SNAPSHOTS_KEPT`."""
    collection = _collection()
    for node in NODES:
        made = _ask("POST", f"{node}/collections/{collection}/snapshots")
        _say(f"{node}: {made['name']}, {made['size']:,} bytes")
        for old in _snapshots(node, collection)[:-KEPT]:
            _ask("DELETE", f"{node}/collections/{collection}/snapshots/{old}")


def _drill() -> int:
    """Restore each node's latest snapshot into a second collection, count its points and delete it again."""
    collection = _collection()
    before = _points(collection)
    _remove(DRILL)
    try:
        for node in NODES:
            _say(f"{node}: restoring {_restore(node, collection)} into {DRILL}")
        restored = _points(DRILL)
    finally:
        _remove(DRILL)
    now = _points(collection)
    # The snapshot is from last night, and documents have changed since, so the counts may differ by a tenth.
    allowed = max(abs(now - before), before // 10)
    _say(f"{restored:,} points restored, {now:,} points in the live collection; a difference of {allowed:,} is allowed")
    return 0 if restored and abs(restored - now) <= allowed else 1


def _restore(node: str, collection: str) -> str:
    made = _snapshots(node, collection)
    if not made:
        sys.exit(f"{node} has no snapshot of {collection}: run `snapshots.py make` first.")
    name = made[-1]
    with tempfile.TemporaryDirectory() as folder:
        fetched = Path(folder) / name
        with _open("GET", f"{node}/collections/{collection}/snapshots/{name}") as answer, fetched.open("wb") as file:
            shutil.copyfileobj(answer, file)
        _upload(f"{node}/collections/{DRILL}/snapshots/upload?priority=snapshot&wait=true", fetched)
    return name


def _snapshots(node: str, collection: str) -> list[str]:
    """Return the node's own snapshots, oldest first. With a shared bucket a node lists those of all nodes."""
    own = f"{collection}-{_ask('GET', f'{node}/cluster')['peer_id']}-"
    listed = _ask("GET", f"{node}/collections/{collection}/snapshots")
    return sorted(it["name"] for it in listed if it["name"].startswith(own))


def _upload(url: str, file: Path) -> None:
    """Upload the file as a multipart form that is streamed from disk, because it does not fit into memory."""
    edge = os.urandom(16).hex()
    head = f'--{edge}\r\nContent-Disposition: form-data; name="snapshot"; filename="{file.name}"\r\n\r\n'.encode()
    tail = f"\r\n--{edge}--\r\n".encode()
    form = file.with_suffix(".form")
    with form.open("wb") as target, file.open("rb") as source:
        target.write(head)
        shutil.copyfileobj(source, target)
        target.write(tail)
    file.unlink()
    with form.open("rb") as body:
        headers = {"Content-Type": f"multipart/form-data; boundary={edge}", "Content-Length": str(form.stat().st_size)}
        with _open("POST", url, body, headers) as answer:
            answer.read()


def _collection() -> str:
    """Return the collection that the alias points to."""
    aliases = _ask("GET", f"{NODES[0]}/aliases")["aliases"]
    found = [it["collection_name"] for it in aliases if it["alias_name"] == ALIAS]
    if not found:
        sys.exit(f"The alias {ALIAS} does not exist: ingest a document first.")
    return str(found[0])


def _points(collection: str) -> int:
    body = json.dumps({"exact": True}).encode()
    return int(_ask("POST", f"{NODES[0]}/collections/{collection}/points/count", body)["count"])


def _remove(collection: str) -> None:
    _ask("DELETE", f"{NODES[0]}/collections/{collection}")


def _ask(method: str, url: str, body: bytes | None = None) -> Any:
    with _open(method, url, body, {"Content-Type": "application/json"}) as answer:
        return json.load(answer)["result"]


def _open(method: str, url: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    if key := os.environ.get("RAG_STORE__API_KEY"):
        request.add_header("api-key", key)
    try:
        return urllib.request.urlopen(request, timeout=_SECONDS)
    except urllib.error.HTTPError as error:
        sys.exit(f"{method} {url}: {error.code} {error.read().decode(errors='replace')[:500]}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) == 2 else ""))
