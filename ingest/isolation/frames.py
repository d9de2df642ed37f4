"""Messages between the worker and a parser process: a length of four bytes, then as many bytes.

Results are JSON and not pickle: a hostile document that takes over the parser must not run code in the worker.
"""

import asyncio
import struct
from typing import BinaryIO

_LENGTH = struct.Struct(">I")


def write_frame(stream: BinaryIO | asyncio.StreamWriter, body: bytes) -> None:
    stream.write(_LENGTH.pack(len(body)))
    stream.write(body)


def read_frame(stream: BinaryIO) -> bytes | None:
    """Return the next frame, or None at the end of the stream."""
    head = stream.read(_LENGTH.size)
    return stream.read(_LENGTH.unpack(head)[0]) if len(head) == _LENGTH.size else None


async def receive_frame(stream: asyncio.StreamReader, *, max_bytes: int) -> bytes:
    """Return the next frame.

    Raises `ValueError` for a frame over `max_bytes`, and `asyncio.IncompleteReadError` if the stream ends early.
    """
    [length] = _LENGTH.unpack(await stream.readexactly(_LENGTH.size))
    if length > max_bytes:
        raise ValueError(f"A frame has {length} bytes; at most {max_bytes} are accepted.")
    return await stream.readexactly(length)
