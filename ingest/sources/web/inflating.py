"""gzip and deflate, unpacked a bounded piece at a time.

aiohttp's own decompression takes a gzip body that breaks off for a whole one: half a page would replace a whole one.
"""

import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Final

from rag.errors import InvalidInput

GZIP_MAGIC: Final = b"\x1f\x8b"
_PIECE_BYTES: Final = 64 * 1024
_GZIP: Final = 16 + zlib.MAX_WBITS


async def inflated(pieces: AsyncIterator[bytes], encoding: str) -> AsyncIterator[bytes]:
    """The pieces without their HTTP content encoding; raises `InvalidInput` for a broken or an unknown one."""
    match encoding.strip().lower():
        case "" | "identity":
            async for piece in pieces:
                yield piece
        case "gzip" | "x-gzip" | "deflate":
            inflater = Inflater()
            async for piece in pieces:
                for unpacked in inflater.feed(piece):
                    yield unpacked
            inflater.close()
        case unknown:
            raise InvalidInput(f"the server packed it as {unknown[:40]}, which was not asked for")


class Inflater:
    """Unpacks gzip (of several members too), zlib and bare deflate; told apart by the first bytes."""

    def __init__(self) -> None:
        self._head = b""
        self._stream: zlib._Decompress | None = None
        self._is_gzip = False

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """What this piece unpacks to, in small pieces: whoever counts them stops a bomb early."""
        if self._stream is None:
            piece, self._head = self._head + piece, b""
            if len(piece) < len(GZIP_MAGIC):
                self._head = piece
                return
            self._stream = self._open(piece)
        try:
            yield from self._unpack(self._stream, piece)
        except zlib.error as error:
            raise InvalidInput("its compression is broken") from error

    def close(self) -> None:
        """Raises `InvalidInput` where the end is missing."""
        if self._head or (self._stream is not None and not self._stream.eof):
            raise InvalidInput("its compression is broken: the end is missing")

    def _open(self, first: bytes) -> "zlib._Decompress":
        self._is_gzip = first.startswith(GZIP_MAGIC)
        if self._is_gzip:
            return zlib.decompressobj(_GZIP)
        # Many servers send deflate without the header that the standard asks for.
        has_header = first[0] & 0x0F == zlib.DEFLATED and int.from_bytes(first[:2], "big") % 31 == 0
        return zlib.decompressobj(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)

    def _unpack(self, stream: "zlib._Decompress", piece: bytes) -> Iterator[bytes]:
        unpacked = b""
        # A full piece may leave more inside, with no input left over.
        while piece or len(unpacked) == _PIECE_BYTES:
            if stream.eof:
                # What follows the last member is padding.
                if not (self._is_gzip and piece.startswith(GZIP_MAGIC)):
                    return
                self._stream = stream = zlib.decompressobj(_GZIP)
            unpacked = stream.decompress(piece, _PIECE_BYTES)
            piece = stream.unused_data if stream.eof else stream.unconsumed_tail
            if unpacked:
                yield unpacked
