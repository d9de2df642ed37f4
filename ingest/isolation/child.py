"""The parsing process: reads raw documents from standard input, answers with chunks on standard output."""

import ctypes
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import TypeAdapter

from ingest.chunking.chunker import Chunker
from ingest.isolation.frames import read_frame, write_frame
from ingest.parsing.factory import parse
from rag.embedding.factory import build_tokenizer
from rag.errors import InvalidInput
from rag.settings import EmbedderSettings
from rag.types import Chunk, RawDocument

_PR_SET_PDEATHSIG = 1
_MIB = 1024 * 1024

Cut = Callable[[RawDocument, str], list[Chunk]]


def main(poisoned: Callable[[Cut], Cut] = lambda cut: cut) -> None:
    """Works until standard input ends; a test may wrap what is done to a document."""
    _die_with_the_parent()
    answers = _take_standard_output()
    requests = sys.stdin.buffer
    options = json.loads(read_frame(requests) or b"{}")
    settings: EmbedderSettings = TypeAdapter(EmbedderSettings).validate_python(options["embedder"])
    chunker = Chunker(build_tokenizer(settings), target_tokens=options["target_tokens"])
    _limit(options["memory_mib"])
    _send(answers, {"ready": True})

    def cut(raw: RawDocument, version: str) -> list[Chunk]:
        return chunker.chunk(parse(raw, version=version), ingested_at=time.time())

    wrapped = poisoned(cut)
    while (header := read_frame(requests)) is not None and (body := read_frame(requests)) is not None:
        fields = json.loads(header)
        version = fields.pop("version")
        _send(answers, _answer(wrapped, RawDocument(**fields, body=body), version, options["memory_mib"]))


def _answer(cut: Cut, raw: RawDocument, version: str, memory_mib: int) -> dict[str, Any]:
    try:
        return {"chunks": [asdict(chunk) for chunk in cut(raw, version)]}
    except InvalidInput as error:
        return {"invalid": str(error)}
    except MemoryError:
        return {"invalid": f"needs more than {memory_mib} MiB to read"}
    except Exception as error:  # noqa: BLE001 - the boundary of one document: a parser's fault must not end the others
        return {"broke": type(error).__name__, "trace": traceback.format_exc()}


def _send(answers: BinaryIO, message: dict[str, Any]) -> None:
    write_frame(answers, json.dumps(message).encode())
    answers.flush()


def _take_standard_output() -> BinaryIO:
    """What a library prints must not get between the frames."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return answers


def _die_with_the_parent() -> None:
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _limit(memory_mib: int) -> None:
    """So much on top of what the interpreter and its libraries have; and no file, however small, is written."""
    limit = _address_space() + memory_mib * _MIB
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
    return pages * resource.getpagesize()


if __name__ == "__main__":
    main()
