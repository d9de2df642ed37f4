"""The compared chunkers. Each splits a text into passages and returns their positions.

Lengths are in tokens of the embedder. The two chunkers that reproduce published results count as the publication does.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise

import bpe_openai
import nupunkt
from semantic_text_splitter import TextSplitter

from ingest.chunking.chunker import Chunker
from rag.embedding.base import Tokenizer
from rag.types import Document, DocumentId, Section
from research.chunkers.benchmark import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A passage that is embedded and searched, and the span that is retrieved with it."""

    passage: str
    span: Span


Cut = Callable[[str], list[Piece]]

_SENTENCE_TOKENS = 120
_LINE_BREAKS = re.compile(r"\n+")


def build_chunkers(tokenizer: Tokenizer) -> Mapping[str, Cut]:
    """Return the chunkers by name. The first number is the maximum of tokens, the second one the overlap."""
    structure = {f"structure {size}": partial(cut_by_structure, tokenizer, size) for size in (64, 96, 128, 200, 254)}
    published: dict[str, Cut] = {
        f"TokenText 250/{overlap}": partial(cut_fixed, _gpt_tokens, 250, overlap) for overlap in (125, 0)
    }
    fixed: dict[str, Cut] = {"fixed 128/0": partial(cut_fixed, tokenizer.spans, 128, 0)}
    windows = {f"sentence ±{reach}": partial(cut_sentences, tokenizer, reach) for reach in (0, 1, 2)}
    library = {"semantic-text-splitter 128": partial(cut_by_library, tokenizer, 128)}
    return published | fixed | library | windows | structure


def cut_by_structure(tokenizer: Tokenizer, size: int, text: str) -> list[Piece]:
    """Chunk with the product's own chunker. The corpora have no headings, so passages have no heading path."""
    chunker = Chunker(tokenizer, target_tokens=size)
    document = Document(
        id=DocumentId("corpus"),
        uri="corpus",
        media_type="text/plain",
        title="",
        sections=(Section(heading_path=(), text=text),),
        version="1",
    )
    return _locate(text, [chunk.text for chunk in chunker.chunk(document, ingested_at=0.0)])


def cut_fixed(spans_of: Callable[[str], Sequence[Span]], size: int, overlap: int, text: str) -> list[Piece]:
    """Split into chunks of `size` tokens. Each starts with the last `overlap` tokens of the one before."""
    tokens = spans_of(text)
    starts = range(0, max(1, len(tokens) - overlap), size - overlap)
    spans = [(tokens[start][0], tokens[min(start + size, len(tokens)) - 1][1]) for start in starts]
    return [Piece(passage=text[start:end], span=(start, end)) for start, end in spans]


def cut_sentences(tokenizer: Tokenizer, reach: int, text: str) -> list[Piece]:
    """Search for single sentences, and retrieve them with `reach` neighbours on each side."""
    spans = list(_sentences(tokenizer, text))
    last = len(spans) - 1
    return [
        Piece(passage=text[start:end], span=(spans[max(0, at - reach)][0], spans[min(last, at + reach)][1]))
        for at, (start, end) in enumerate(spans)
    ]


def cut_by_library(tokenizer: Tokenizer, size: int, text: str) -> list[Piece]:
    """Chunk with semantic-text-splitter, which uses the largest fitting unit (paragraph, sentence, word)."""
    splitter = TextSplitter.from_callback(lambda piece: len(tokenizer.spans(piece)), size)
    return _locate(text, splitter.chunks(text))


def _gpt_tokens(text: str) -> list[Span]:
    """Return the spans of cl100k's tokens. A token that splits a character is widened to the whole character."""
    encoding = bpe_openai.get_encoding("cl100k_base")
    # Maps byte offsets to character offsets, with one more entry for the end.
    characters = [at for at, character in enumerate(text) for _ in character.encode()] + [len(text)]
    lengths = [len(encoding.decode_single_token_bytes(token)) for token in encoding.encode_ordinary(text)]
    return [(characters[start], characters[end]) for start, end in pairwise(accumulate(lengths, initial=0))]


def _locate(text: str, pieces: Sequence[str]) -> list[Piece]:
    """Return the positions of pieces that are in reading order and do not overlap."""
    located = []
    position = 0
    for piece in pieces:
        start = text.index(piece, position)
        position = start + len(piece)
        located.append(Piece(passage=piece, span=(start, position)))
    return located


def _sentences(tokenizer: Tokenizer, text: str) -> Iterator[Span]:
    position = 0
    for line in _LINE_BREAKS.split(text):
        for sentence in map(str.strip, map(str, nupunkt.sent_tokenize(line))):
            if not sentence:
                continue
            start = text.index(sentence, position)
            position = start + len(sentence)
            yield from _limit_length(tokenizer, text, (start, position))


def _limit_length(tokenizer: Tokenizer, text: str, sentence: Span) -> Iterator[Span]:
    """Split a sentence that is too long. The sentence splitter may return a whole table."""
    start, end = sentence
    tokens = tokenizer.spans(text[start:end])
    cuts = [start, *(start + tokens[at][0] for at in range(_SENTENCE_TOKENS, len(tokens), _SENTENCE_TOKENS)), end]
    yield from pairwise(cuts)
