"""The service over a collection of a few documents, with the stand-in as its model, as real processes on loopback."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from loadtests.stand_in import Pace

_ROOT = Path(__file__).parents[1]
_START_SECONDS = 90
_STOP_SECONDS = 45
_REJECTED_SOME = 3


class NotStarted(Exception):
    """A program did not come up; the text has its last words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Base URLs, `/v1` left out, and the process ids by program."""

    service: str
    model: str
    processes: Mapping[str, int]


@contextmanager
def installation(documents: Path, data_dir: Path, pace: Pace, **settings: str) -> Iterator[Installation]:
    """Takes the documents in (those that are in already cost nothing) and serves them; stops what it started.

    `settings`: environment variables of the service. Settings of the developer's own do not leak in.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    _ingest("export", data_dir=data_dir)
    _ingest("run", str(documents.absolute()), data_dir=data_dir)
    flags = [f"--{name}={value}" for name, value in asdict(pace).items()]
    with (
        _program("loadtests.stand_in", *flags, "--port=0", says=r"answers on (\S+)/v1") as (model_pid, model),
        _program(
            "service",
            "--port=0",
            says=r"answers on http://localhost(:\d+)",
            environment=_environment(
                data_dir,
                RAG_WORKER="none",
                RAG_LOG_LEVEL="warning",
                RAG_GENERATOR__KIND="openai",
                RAG_GENERATOR__URL=f"{model}/v1",
                RAG_GENERATOR__MODEL="stand-in",
                **settings,
            ),
        ) as (service_pid, port),
    ):
        base = f"http://127.0.0.1{port}"
        _wait_until_ready(base)
        yield Installation(service=base, model=model, processes={"service": service_pid, "stand-in": model_pid})


def _environment(data_dir: Path, **settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAG_")}
    return kept | {"RAG_DATA_DIR": str(data_dir.absolute())} | settings


def _ingest(*arguments: str, data_dir: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "ingest", *arguments],
        cwd=_ROOT,
        env=_environment(data_dir),
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode not in {0, _REJECTED_SOME}:
        raise NotStarted(f"`python -m ingest {' '.join(arguments)}` failed:\n{run.stderr}")


@contextmanager
def _program(
    module: str, *arguments: str, says: str, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[int, str]]:
    """Its process id, and the group of `says` found in what it prints."""
    with tempfile.NamedTemporaryFile("r", prefix=f"{module}-", suffix=".log") as log:
        with Path(log.name).open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments], cwd=_ROOT, env=environment, stdout=output, stderr=output
            )
        try:
            yield process.pid, _wait_for(says, module, process, Path(log.name))
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(_STOP_SECONDS)


def _wait_for(says: str, module: str, process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(says, log.read_text()):
            return found[1]
        time.sleep(0.05)
    raise NotStarted(f"`python -m {module}` did not start:\n{log.read_text()}")


def _wait_until_ready(base: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{base}/readyz", timeout=5):
                return
        except OSError:  # Also a connection that a program which is still starting has closed again.
            time.sleep(0.05)
    raise NotStarted(f"{base} is not ready after {_START_SECONDS} s.")
