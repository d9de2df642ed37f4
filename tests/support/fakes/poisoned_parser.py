"""The real parser process, in which the first word of a document triggers the fault of a broken parser."""

import os
import sys
import time
from dataclasses import replace
from typing import Any, cast

from ingest.isolation.parser_process import ToChunks, main
from rag.parsing_warnings import ParsingWarning
from rag.types import Chunk


def poisoned(to_chunks: ToChunks) -> ToChunks:
    def poison(raw, version):
        match raw.body.decode(errors="replace").split()[0]:
            case "hang":
                time.sleep(600)
            case "eat":
                return [bytes(1 << 20) * 4096]
            case "abort":
                os.abort()
            case "exit":
                os._exit(3)
            case "fail":
                raise RuntimeError("a bug")
            case "charset":
                raw = replace(raw, body=f"It is {raw.charset}.".encode(), charset="")
            case "lie":
                return _lie(to_chunks(raw, version), raw.body.decode().split()[1])
            case "shout":
                sys.__stdout__.write("noise " * 10_000)
                sys.__stdout__.flush()
                os.write(1, b"more noise")
        return to_chunks(raw, version)

    return poison


def _lie(chunks: list[Chunk], kind: str) -> list[Chunk]:
    true = ParsingWarning(code="cut_text", message="m")
    changes: dict[str, Any] = {
        "much": {"warnings": (replace(true, message="m" * 10_000, place="p" * 10_000, count=10**15),) * 1_000},
        "code": {"warnings": (replace(true, code=cast(Any, "nonsense")),)},
        "count": {"warnings": (replace(true, count=cast(Any, "many")),)},
        "text": {"text": 7},
        "owner": {"document_id": "b", "uri": "file:///b.md"},
    }
    return [replace(chunk, **changes[kind]) for chunk in chunks]


main(poisoned)
