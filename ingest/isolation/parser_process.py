"""The parser process: reads raw documents from standard input and writes chunks to standard output."""

import ctypes
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import TypeAdapter

from ingest.chunking.chunker import Chunker
from ingest.isolation.frames import read_frame, write_frame
from ingest.isolation.parser_messages import collected_messages
from ingest.parsing.factory import parse
from ingest.parsing.outline import WithoutText
from ingest.settings import Language
from rag.embedding.tokenizer import build_tokenizer
from rag.errors import InvalidInput
from rag.languages import detect_language
from rag.settings import EmbedderSettings
from rag.types import Chunk, Document, RawDocument, to_fields

_PR_SET_PDEATHSIG = 1
_MIB = 1024 * 1024

ToChunks = Callable[[RawDocument, str], list[Chunk]]
"""Takes a raw document and its version."""


def main(wrap: Callable[[ToChunks], ToChunks] = lambda to_chunks: to_chunks) -> None:
    """Serve requests until standard input ends. A test passes `wrap` to misbehave on some documents."""
    _die_with_the_parent()
    results = _take_standard_output()
    requests = sys.stdin.buffer
    options = json.loads(read_frame(requests) or b"{}")
    settings: EmbedderSettings = TypeAdapter(EmbedderSettings).validate_python(options["embedder"])
    chunker = Chunker(build_tokenizer(settings), target_tokens=options["target_tokens"])
    _limit(options["memory_mib"])
    _send(results, {"ready": True})
    # From here on, what a library prints may quote a document.
    _discard(2)

    def parse_and_chunk(raw: RawDocument, version: str, is_converted: bool = False) -> list[Chunk]:
        with collected_messages() as messages:
            document = parse(raw, version=version, is_converted=is_converted)
        document = replace(
            document,
            warnings=(*document.warnings, *messages.to_warnings()),
            language=_language_of(document, options["language"]),
        )
        return chunker.chunk(document, ingested_at=time.time())

    parsing = wrap(parse_and_chunk)
    while (header := read_frame(requests)) is not None and (body := read_frame(requests)) is not None:
        fields = json.loads(header)
        version = fields.pop("version")
        to_chunks = partial(parse_and_chunk, is_converted=True) if fields.pop("is_converted") else parsing
        _send(results, _result_of(to_chunks, RawDocument(**fields, body=body), version, options["memory_mib"]))


def _language_of(document: Document, language: Language) -> str:
    match language:
        case "auto":
            return detect_language("\n".join(section.text for section in document.sections))
        case "none":
            return ""
        case _:
            return language


def _result_of(to_chunks: ToChunks, raw: RawDocument, version: str, memory_mib: int) -> dict[str, Any]:
    try:
        return {"chunks": [to_fields(chunk) for chunk in to_chunks(raw, version)]}
    except WithoutText as error:
        return {"invalid": str(error), "is_without_text": True}
    except InvalidInput as error:
        return {"invalid": str(error)}
    except MemoryError:
        return {"invalid": f"Parsing needs more than {memory_mib} MiB of memory (RAG_PARSING__MEMORY_MIB)."}
    except Exception as error:  # noqa: BLE001 - a bug in a parser must cost one document, not this process
        return {"crashed": type(error).__name__, "trace": traceback.format_exc()}


def _send(results: BinaryIO, message: dict[str, Any]) -> None:
    write_frame(results, json.dumps(message).encode())
    results.flush()


def _take_standard_output() -> BinaryIO:
    """Return the real standard output and redirect file descriptor 1: a library that prints must not break frames."""
    results = os.fdopen(os.dup(1), "wb")
    _discard(1)
    return results


def _discard(stream: int) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream)


def _die_with_the_parent() -> None:
    """Ask Linux to kill this process when the worker dies, because a hanging parser would not see its input end."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _limit(memory_mib: int) -> None:
    """Limit memory to the current use plus `memory_mib`, and forbid this process to write files."""
    statm = Path("/proc/self/statm")
    pages = int(statm.read_text().split()[0]) if statm.exists() else 0
    limit = pages * resource.getpagesize() + memory_mib * _MIB
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
