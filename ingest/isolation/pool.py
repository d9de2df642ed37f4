"""The worker's side: a pool of parser processes, each stopped when a document takes too much time or memory."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import structlog
from pydantic import TypeAdapter

from ingest.conversion.base import Conversion
from ingest.isolation.frames import receive_frame, write_frame
from ingest.metrics import STAGES
from ingest.parsing.outline import WithoutText
from ingest.settings import ChunkingSettings, Language, ParsingSettings
from rag.errors import InvalidInput, Misconfigured
from rag.gate import Gate
from rag.parsing_warnings import ParsingWarning
from rag.settings import EmbedderSettings
from rag.types import Chunk, RawDocument

log = structlog.get_logger()

_CHUNKING = ChunkingSettings()
_COMMAND = (sys.executable, "-m", "ingest.isolation.parser_process")
_START_SECONDS = 60
_EXIT_SECONDS = 2
_MAX_WAITING = 10_000
_MAX_RESULT_BYTES = 1 << 30
_MAX_WARNINGS = 50
_MAX_WARNING_CHARACTERS = 300
_MAX_WARNING_COUNT = 1_000_000_000
_CHUNKS = TypeAdapter(list[Chunk])
# Parser libraries leak memory, so a process is replaced after this number of documents.
_DOCUMENTS_PER_PROCESS = 2_000


class ParserCrashed(InvalidInput):
    """A bug in a parser, or a damaged document that ended its process. `trace` has the traceback, if there is one."""

    def __init__(self, reason: str, trace: str) -> None:
        super().__init__(reason)
        self.trace = trace


class ParserPool:
    """Parses and chunks documents in child processes, a bounded number at a time."""

    converts = False

    def __init__(
        self,
        settings: ParsingSettings,
        chunking: ChunkingSettings,
        language: Language,
        embedder: EmbedderSettings,
        command: Sequence[str],
    ) -> None:
        self._settings = settings
        self.recipe = chunking.recipe(language)
        self._options = {
            "embedder": embedder.model_dump(mode="json"),
            "memory_mib": settings.memory_mib,
            "target_tokens": chunking.target_tokens,
            "language": language,
        }
        self._command = command
        self._idle: list[_ParserProcess] = []
        self._gate = Gate("parser", running=settings.processes, waiting=_MAX_WAITING)

    async def parse(self, raw: RawDocument, *, version: str) -> list[Chunk]:
        """Return the document's chunks, none if it is empty.

        Raises `InvalidInput` with the reason, or `ParserCrashed`.
        """
        return await self._parse(raw, version, raw.body, is_converted=False)

    async def parse_conversion(self, raw: RawDocument, conversion: Conversion, *, version: str) -> list[Chunk]:
        """Return the chunks of a converted document; raises as `parse` does."""
        pages = [(page.number, page.markdown) for page in conversion.pages]
        body = json.dumps({"pages": pages, "is_partial": conversion.is_partial}).encode()
        return await self._parse(raw, version, body, is_converted=True)

    async def _parse(self, raw: RawDocument, version: str, body: bytes, *, is_converted: bool) -> list[Chunk]:
        with STAGES.stage("parse", span_name="parse"):
            async with self._gate.enter():
                result = await self._ask(replace(raw, body=body), version, is_converted=is_converted)
            return _to_chunks(result, raw, version)

    async def stop_idle(self) -> None:
        """Stop the processes that wait for work; the next document starts one again."""
        while self._idle:
            await self._idle.pop().kill()

    async def _ask(self, raw: RawDocument, version: str, *, is_converted: bool) -> dict[str, Any]:
        """Ask a process. Only the end of a new one is a document's fault: another may have ended while it was idle."""
        if self._idle:
            try:
                return await self._ask_process(self._idle.pop(), raw, version, is_converted=is_converted)
            except ParserCrashed as error:
                log.warning("parser_replaced", media_type=raw.media_type, reason=str(error))
        process = await _ParserProcess.start(self._command, self._options)
        return await self._ask_process(process, raw, version, is_converted=is_converted)

    async def _ask_process(
        self, process: "_ParserProcess", raw: RawDocument, version: str, *, is_converted: bool
    ) -> dict[str, Any]:
        is_reusable = False
        try:
            async with asyncio.timeout(self._settings.seconds):
                result = await process.ask(raw, version, is_converted=is_converted)
            is_reusable = process.documents < _DOCUMENTS_PER_PROCESS
        except TimeoutError as error:
            raise InvalidInput(
                f"Parsing took longer than {self._settings.seconds:g} s (RAG_PARSING__SECONDS)."
            ) from error
        except (asyncio.IncompleteReadError, ConnectionError, ValueError) as error:
            raise ParserCrashed(
                f"The document ended the parser process ({await process.wait_for_exit()}): it is damaged, or needs "
                f"more than {self._settings.memory_mib} MiB of memory (RAG_PARSING__MEMORY_MIB).",
                "",
            ) from error
        finally:
            if is_reusable:
                self._idle.append(process)
            else:
                await process.kill()
        return result


class _ParserProcess:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._requests = process.stdin
        self._results = process.stdout
        self.documents = 0

    @classmethod
    async def start(cls, command: Sequence[str], options: dict[str, Any]) -> "_ParserProcess":
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=_environment(),
        )
        started = cls(process)
        try:
            async with asyncio.timeout(_START_SECONDS):
                write_frame(started._requests, json.dumps(options).encode())
                await receive_frame(started._results, max_bytes=_MAX_RESULT_BYTES)
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionError) as error:
            await started.kill()
            raise Misconfigured(f"The parser process did not start: {await started.last_words()}.") from error
        except asyncio.CancelledError:
            await started.kill()
            raise
        return started

    async def ask(self, raw: RawDocument, version: str, *, is_converted: bool) -> dict[str, Any]:
        self.documents += 1
        names = ("id", "uri", "media_type", "title", "validator", "charset")
        header = {name: getattr(raw, name) for name in names} | {"version": version, "is_converted": is_converted}
        write_frame(self._requests, json.dumps(header).encode())
        write_frame(self._requests, raw.body)
        await self._requests.drain()
        result = json.loads(await receive_frame(self._results, max_bytes=_MAX_RESULT_BYTES))
        if not isinstance(result, dict):
            raise ValueError("The result is not a JSON object.")
        return result

    async def wait_for_exit(self) -> str:
        """Return the name of the signal that ended the process, or its exit status."""
        with suppress(TimeoutError):
            # A process closes its streams a moment before it ends.
            await asyncio.wait_for(self._process.wait(), _EXIT_SECONDS)
        await self.kill()
        status = self._process.returncode or 0
        return signal.Signals(-status).name if status < 0 else f"status {status}"

    async def last_words(self) -> str:
        """Return the last line that the process wrote to standard error before it ended."""
        assert self._process.stderr is not None
        lines = (await self._process.stderr.read()).decode(errors="replace").splitlines()
        return lines[-1] if lines else "it did not answer in time"

    async def kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


@asynccontextmanager
async def open_parser_pool(
    settings: ParsingSettings,
    embedder: EmbedderSettings,
    *,
    chunking: ChunkingSettings = _CHUNKING,
    language: Language = "auto",
    command: Sequence[str] = _COMMAND,
) -> AsyncIterator[ParserPool]:
    """Open a pool without processes: they start when documents arrive. `command` starts one process."""
    pool = ParserPool(settings, chunking, language, embedder, command)
    try:
        yield pool
    finally:
        await pool.stop_idle()


def _to_chunks(result: dict[str, Any], raw: RawDocument, version: str) -> list[Chunk]:
    if "is_without_text" in result:
        raise WithoutText(str(result["invalid"]))
    if "invalid" in result:
        raise InvalidInput(str(result["invalid"]))
    if "crashed" in result:
        log.error("parser_crashed", media_type=raw.media_type, error=result["crashed"])
        raise ParserCrashed(f"The parser failed on this document ({result['crashed']}).", str(result.get("trace", "")))
    # Not taken from the process: a document that takes over its parser must not write to another document.
    own = {
        "document_id": raw.id,
        "uri": raw.uri,
        "media_type": raw.media_type,
        "version": version,
        "validator": raw.validator,
        "metadata": raw.metadata,
    }
    try:
        chunks = _CHUNKS.validate_python([chunk | own for chunk in result["chunks"]])
    except (KeyError, TypeError, ValueError) as error:  # The error quotes the document.
        log.error("parser_result_invalid", media_type=raw.media_type, error=type(error).__name__)
        raise ParserCrashed("The parser process sent a result that is not valid for this document.", "") from None
    return [replace(chunk, warnings=_bounded(chunk.warnings)) for chunk in chunks[:1]] + [
        replace(chunk, warnings=()) if chunk.warnings else chunk for chunk in chunks[1:]
    ]


def _bounded(warnings: Sequence[ParsingWarning]) -> tuple[ParsingWarning, ...]:
    """Return the warnings in a size that lists can show: they are stored with the document and sent with each list."""
    return tuple(
        replace(
            warning,
            message=warning.message[:_MAX_WARNING_CHARACTERS],
            place=warning.place[:_MAX_WARNING_CHARACTERS],
            count=max(1, min(warning.count, _MAX_WARNING_COUNT)),
        )
        for warning in warnings[:_MAX_WARNINGS]
    )


def _environment() -> dict[str, str]:
    """Return an environment without secrets and without settings; the settings are in the first frame."""
    passed_on = ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "VIRTUAL_ENV", "TMPDIR", "HF_HOME")
    return {name: os.environ[name] for name in passed_on if name in os.environ}
