"""The system under load: a service over a few documents, with a stand-in for its model, as real local processes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from loadtests.stand_in import Delays
from tests.support.programs import StartFailed, ingest, running_program, service

# `ingest run` exits with 3 if it rejected some documents. The others can still be asked about.
_ACCEPTED_STATUS = {0, 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadTarget:
    """A service and its model: base URLs without `/v1`, and process ids by program name."""

    service: str
    model: str
    processes: Mapping[str, int]


@contextmanager
def open_local_target(documents: Path, data_dir: Path, delays: Delays, **settings: str) -> Iterator[LoadTarget]:
    """Ingest the documents, start the service and the stand-in model, and stop both at the end.

    Documents that are already in `data_dir` are not embedded again. `settings` are environment variables of the
    service; the developer's own `RAG_*` variables have no effect. Raise `StartFailed` with the program's output.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    _ingest("export", data_dir=data_dir)
    _ingest("run", str(documents.absolute()), data_dir=data_dir)
    flags = [f"--{name}={value}" for name, value in asdict(delays).items()]
    with running_program(
        "loadtests.stand_in", *flags, "--port=0", announcement=r"answers on (\S+)/v1", log=data_dir / "stand-in.log"
    ) as (model, model_url):
        generator = {
            "RAG_GENERATOR__KIND": "openai",
            "RAG_GENERATOR__URL": f"{model_url}/v1",
            "RAG_GENERATOR__MODEL": "stand-in",
        }
        with service(data_dir, RAG_WORKER="none", RAG_LOG_LEVEL="warning", **generator, **settings) as running:
            processes = {"service": running.process.pid, "stand-in": model.pid}
            yield LoadTarget(service=running.url, model=model_url, processes=processes)


def _ingest(*arguments: str, data_dir: Path) -> None:
    run = ingest(*arguments, data_dir=data_dir)
    if run.returncode not in _ACCEPTED_STATUS:
        raise StartFailed(f"`python -m ingest {' '.join(arguments)}` failed:\n{run.stderr}")
