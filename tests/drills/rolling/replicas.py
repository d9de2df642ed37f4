"""Replicas of the real service, each a process with its own port, which can be replaced and killed."""

import asyncio
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from service.prompting.folder import PACKAGED
from tests.support.programs import Service, ingest, service
from tests.support.servers.qdrant_server import URL, drop_collections, real_qdrant, to_environment
from tests.support.servers.redis_server import free_port

HANDBOOK = """# Pump handbook

The impeller of the Kestrel pump must be replaced every 4,000 hours of operation. Use only seals of the type S-17.

Error E1234 means that the oil level is too low. Fill up oil of grade ISO 46 and restart the controller.
"""
QUESTION = "What does error E1234 mean?"


class Replica:
    """A named replica. One process at a time runs behind the name, each with a prompt version that its answers name."""

    def __init__(self, name: str, data_dir: Path, settings: dict[str, str]) -> None:
        self.name = name
        self.data_dir = data_dir
        self.port = free_port()
        self._settings = settings
        self._running = ExitStack()
        self._service: Service | None = None

    @property
    def service(self) -> Service:
        assert self._service is not None, f"{self.name} does not run"
        return self._service

    def start(self, version: int) -> None:
        """Start the process and wait until it is ready."""
        settings = self._settings | {"RAG_PROMPT__VERSION": f"v{version}"}
        self._service = self._running.enter_context(service(self.data_dir, RAG_PORT=str(self.port), **settings))

    def stop(self) -> None:
        """Send SIGTERM and wait for a clean exit."""
        self._running.close()
        assert self.service.process.returncode == 0, self.service.log.read_text()

    def kill(self) -> None:
        """Send SIGKILL."""
        self.service.process.send_signal(signal.SIGKILL)
        self.service.process.wait()
        self._running.close()

    def close(self) -> None:
        """Stop the process in any state."""
        self._running.close()

    def answered(self) -> int:
        """Return the number of complete answers that this process has counted."""
        families = text_string_to_metric_families(self.service.http.get("/metrics").text)
        samples = [sample for family in families for sample in family.samples if sample.name == "rag_requests_total"]
        labels = {"route": "/v1/answers", "outcome": "ok"}
        return int(next(sample.value for sample in samples if sample.labels == labels))

    def finds(self, title: str, question: str) -> bool:
        results = self.service.http.post("/v1/search", json={"question": question}).json()["results"]
        return any(result["title"] == title for result in results)

    def version(self) -> str:
        version: str = self.service.ask(QUESTION).json()["prompt"]["version"]
        return version


class Installation:
    """Replicas with the same documents: each with a copy of an embedded collection, or all with one in Qdrant."""

    def __init__(self, folder: Path, replicas: list[Replica], settings: dict[str, str]) -> None:
        self.folder = folder
        """The folder of all their files."""
        self.replicas = replicas
        self.settings = settings
        """The settings that lead a writer to the collection."""

    def publish(self, document: Path) -> None:
        """Publish the next revision of the collection while replicas read it."""
        for replica in self.replicas[:1] if URL else self.replicas:
            done = ingest("run", str(document), data_dir=replica.data_dir, **self.settings)
            assert done.returncode == 0, done.stderr


@contextmanager
def installation(folder: Path, models: Path, model_url: str, *, versions: int, **more: str) -> Iterator[Installation]:
    """Prepare two replicas without starting them. `model_url` is the address of an OpenAI-compatible server."""
    real = real_qdrant("rolling") if URL else None
    settings = to_environment(real) if real else {}
    first = folder / "a"
    first.mkdir()
    (first / "models").symlink_to(models)
    (folder / "handbook.md").write_text(HANDBOOK)
    done = ingest("run", str(folder / "handbook.md"), data_dir=first, **settings)
    assert done.returncode == 0, done.stderr
    shutil.copytree(first, folder / "b", symlinks=True)
    online = settings | {
        "RAG_WORKER": "none",
        "RAG_LOG_LEVEL": "warning",
        "RAG_GENERATOR__KIND": "openai",
        "RAG_GENERATOR__URL": f"{model_url}/v1",
        "RAG_GENERATOR__MODEL": "stand-in",
        "RAG_PROMPT__FOLDER": str(_prompts(folder / "prompts", versions)),
        **more,
    }
    replicas = [Replica(name, folder / name, online) for name in ("a", "b")]
    try:
        yield Installation(folder, replicas, settings)
    finally:
        for replica in replicas:
            replica.close()
        if real:
            asyncio.run(drop_collections(real))


def _prompts(folder: Path, versions: int) -> Path:
    (folder / "answer").mkdir(parents=True)
    for version in range(1, versions + 1):
        shutil.copy(PACKAGED / "answer" / "v1.md", folder / "answer" / f"v{version}.md")
    return folder
