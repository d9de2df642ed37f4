"""The real parser process, in which the first word of a document triggers the fault of a broken parser."""

import os
import sys
import time
from dataclasses import replace

from ingest.isolation.parser_process import ToChunks, main


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
            case "shout":
                sys.__stdout__.write("noise " * 10_000)
                sys.__stdout__.flush()
                os.write(1, b"more noise")
        return to_chunks(raw, version)

    return poison


main(poisoned)
