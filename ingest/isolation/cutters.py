"""The worker's side: a few parsing processes, started when needed, each stopped when a document costs too much."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog

from ingest.isolation.frames import receive_frame, write_frame
from ingest.settings import ChunkingSettings, ParsingSettings
from rag.errors import InvalidInput, Misconfigured
from rag.gate import Gate
from rag.settings import EmbedderSettings
from rag.types import Chunk, RawDocument

log = structlog.get_logger()

_CHUNKING = ChunkingSettings()
_COMMAND = (sys.executable, "-m", "ingest.isolation.child")
_START_SECONDS = 60
_END_SECONDS = 2
_WAITING = 10_000
_MOST_ANSWER_BYTES = 1 << 30
# Libraries leak: after so many documents a process makes room for a fresh one.
_DOCUMENTS_PER_PROCESS = 2_000


class BrokeParser(InvalidInput):
    """A document at which a parser failed in a way that it should not; `trace` is for whoever mends it."""

    def __init__(self, reason: str, trace: str) -> None:
        super().__init__(reason)
        self.trace = trace


class Cutters:
    """Parses and chunks documents, a few at once."""

    def __init__(
        self,
        settings: ParsingSettings,
        chunking: ChunkingSettings,
        embedder: EmbedderSettings,
        command: Sequence[str],
    ) -> None:
        self._settings = settings
        self._chunking = chunking
        self._options = {
            "embedder": embedder.model_dump(mode="json"),
            "memory_mib": settings.memory_mib,
            "target_tokens": chunking.target_tokens,
        }
        self._command = command
        self._idle: list[_Child] = []
        self._gate = Gate("parser", running=settings.processes, waiting=_WAITING)

    @property
    def recipe(self) -> str:
        return self._chunking.recipe

    async def cut(self, raw: RawDocument, *, version: str) -> list[Chunk]:
        """Raises `InvalidInput` with the reason, `BrokeParser` where the parser is at fault."""
        async with self._gate.enter():
            child = self._idle.pop() if self._idle else await _Child.start(self._command, self._options)
            try:
                async with asyncio.timeout(self._settings.seconds):
                    answer = await child.ask(raw, version)
            except TimeoutError as error:
                raise InvalidInput(f"took longer than {self._settings.seconds:g} s to read") from error
            except (asyncio.IncompleteReadError, ConnectionError, ValueError) as error:
                raise BrokeParser(
                    f"it ended the parser ({await child.end()}): it is damaged, or needs more than "
                    f"{self._settings.memory_mib} MiB to read",
                    "",
                ) from error
            except asyncio.CancelledError:
                child.documents = _DOCUMENTS_PER_PROCESS
                raise
            else:
                if child.documents < _DOCUMENTS_PER_PROCESS:
                    self._idle.append(child)
            finally:
                if child not in self._idle:
                    await child.kill()
        return _to_chunks(answer, raw, version)

    async def rest(self) -> None:
        """Lets the processes go; the next document starts one."""
        while self._idle:
            await self._idle.pop().kill()


class _Child:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._requests = process.stdin
        self._answers = process.stdout
        self.documents = 0

    @classmethod
    async def start(cls, command: Sequence[str], options: dict[str, Any]) -> "_Child":
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=_environment()
        )
        child = cls(process)
        try:
            async with asyncio.timeout(_START_SECONDS):
                write_frame(child._requests, json.dumps(options).encode())
                await receive_frame(child._answers, most=_MOST_ANSWER_BYTES)
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionError) as error:
            await child.kill()
            raise Misconfigured("The parsing process does not start; its error stands above.") from error
        except asyncio.CancelledError:
            await child.kill()
            raise
        return child

    async def ask(self, raw: RawDocument, version: str) -> dict[str, Any]:
        self.documents += 1
        header = {name: getattr(raw, name) for name in ("id", "uri", "media_type", "title", "validator")} | {
            "version": version
        }
        write_frame(self._requests, json.dumps(header).encode())
        write_frame(self._requests, raw.body)
        await self._requests.drain()
        answer: dict[str, Any] = json.loads(await receive_frame(self._answers, most=_MOST_ANSWER_BYTES))
        return answer

    async def end(self) -> str:
        """How it ended: the name of a signal, or its status."""
        with suppress(TimeoutError):
            # Its streams end a moment before it does.
            await asyncio.wait_for(self._process.wait(), _END_SECONDS)
        await self.kill()
        status = self._process.returncode or 0
        return signal.Signals(-status).name if status < 0 else f"status {status}"

    async def kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


@asynccontextmanager
async def open_cutters(
    settings: ParsingSettings,
    embedder: EmbedderSettings,
    *,
    chunking: ChunkingSettings = _CHUNKING,
    command: Sequence[str] = _COMMAND,
) -> AsyncIterator[Cutters]:
    cutters = Cutters(settings, chunking, embedder, command)
    try:
        yield cutters
    finally:
        await cutters.rest()


def _to_chunks(answer: dict[str, Any], raw: RawDocument, version: str) -> list[Chunk]:
    if "invalid" in answer:
        raise InvalidInput(str(answer["invalid"]))
    if "broke" in answer:
        log.error("document_broke_a_parser", uri=raw.uri, error=answer["broke"])
        raise BrokeParser(f"It broke the parser ({answer['broke']}).", str(answer.get("trace", "")))
    # Whose it is says the worker, whatever the process answered.
    own = {
        "document_id": raw.id,
        "uri": raw.uri,
        "media_type": raw.media_type,
        "version": version,
        "validator": raw.validator,
        "metadata": raw.metadata,
    }
    return [Chunk(**(chunk | own | {"heading_path": tuple(chunk["heading_path"])})) for chunk in answer["chunks"]]


def _environment() -> dict[str, str]:
    """Nothing secret, and no settings: they come in the first frame."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "VIRTUAL_ENV", "TMPDIR", "HF_HOME")
    return {name: os.environ[name] for name in kept if name in os.environ}
