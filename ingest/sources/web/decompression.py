"""Decompress gzip and deflate in bounded pieces.

aiohttp's own decompression accepts a truncated gzip body, so half a page would replace a complete one.
"""

import zlib
from collections.abc import AsyncIterator, Iterator

from rag.errors import InvalidInput

GZIP_MAGIC = b"\x1f\x8b"
_PIECE_BYTES = 64 * 1024
_GZIP = 16 + zlib.MAX_WBITS


async def decompress(pieces: AsyncIterator[bytes], encoding: str) -> AsyncIterator[bytes]:
    """Yield the pieces without their HTTP content encoding; raises `InvalidInput` if it is damaged or unknown."""
    match encoding.strip().lower():
        case "" | "identity":
            async for piece in pieces:
                yield piece
        case "gzip" | "x-gzip" | "deflate":
            decompressor = Decompressor()
            async for piece in pieces:
                for decompressed in decompressor.feed(piece):
                    yield decompressed
            decompressor.close()
        case unknown:
            raise InvalidInput(f"the server used the content encoding {unknown[:40]}, which was not requested")


class Decompressor:
    """A decompressor for gzip, also with several members, zlib and raw deflate, recognised by their first bytes."""

    def __init__(self) -> None:
        self._head = b""
        self._stream: zlib._Decompress | None = None
        self._is_gzip = False

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Yield the decompressed data in small pieces, so that the caller can stop a decompression bomb early."""
        if self._stream is None:
            piece, self._head = self._head + piece, b""
            if len(piece) < len(GZIP_MAGIC):
                self._head = piece
                return
            self._stream = self._open(piece)
        try:
            yield from self._decompress(self._stream, piece)
        except zlib.error as error:
            raise InvalidInput("the compressed response is damaged") from error

    def close(self) -> None:
        """Raise `InvalidInput` if the data is truncated."""
        if self._head or (self._stream is not None and not self._stream.eof):
            raise InvalidInput("the compressed response is truncated")

    def _open(self, first: bytes) -> "zlib._Decompress":
        self._is_gzip = first.startswith(GZIP_MAGIC)
        if self._is_gzip:
            return zlib.decompressobj(_GZIP)
        # Many servers send raw deflate without the zlib header that the standard requires.
        has_header = first[0] & 0x0F == zlib.DEFLATED and int.from_bytes(first[:2], "big") % 31 == 0
        return zlib.decompressobj(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)

    def _decompress(self, stream: "zlib._Decompress", piece: bytes) -> Iterator[bytes]:
        decompressed = b""
        # After a full output piece, zlib may hold more output although it has consumed the input.
        while piece or len(decompressed) == _PIECE_BYTES:
            if stream.eof:
                # Data after the last gzip member is padding.
                if not (self._is_gzip and piece.startswith(GZIP_MAGIC)):
                    return
                self._stream = stream = zlib.decompressobj(_GZIP)
            decompressed = stream.decompress(piece, _PIECE_BYTES)
            piece = stream.unused_data if stream.eof else stream.unconsumed_tail
            if decompressed:
                yield decompressed
