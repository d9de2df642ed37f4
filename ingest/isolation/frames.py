"""Messages between the worker and a parsing process: a length of four bytes, then as many bytes.

What comes back is JSON and not pickle: a parser that was taken over must not be able to run code in the worker.
"""

import asyncio
import struct
from typing import BinaryIO

_LENGTH = struct.Struct(">I")


def write_frame(stream: BinaryIO | asyncio.StreamWriter, body: bytes) -> None:
    stream.write(_LENGTH.pack(len(body)))
    stream.write(body)


def read_frame(stream: BinaryIO) -> bytes | None:
    """None at the end of the stream."""
    head = stream.read(_LENGTH.size)
    return stream.read(_LENGTH.unpack(head)[0]) if len(head) == _LENGTH.size else None


async def receive_frame(stream: asyncio.StreamReader, *, most: int) -> bytes:
    """Raises `ValueError` for a frame over `most` bytes, `asyncio.IncompleteReadError` where the stream breaks off."""
    [length] = _LENGTH.unpack(await stream.readexactly(_LENGTH.size))
    if length > most:
        raise ValueError(f"a frame of {length} bytes")
    return await stream.readexactly(length)
