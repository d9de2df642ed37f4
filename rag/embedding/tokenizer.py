"""The embedder's tokenizer without its model: chunking needs no weights in memory.

Each parser process imports this module, so it imports neither models nor HTTP clients.
"""

from pathlib import Path

import tokenizers

from rag.embedding.base import Tokenizer
from rag.embedding.weights import find_weights, read_max_tokens
from rag.settings import EmbedderSettings, LocalEmbedderSettings, OpenAIEmbedderSettings

_SPECIAL_TOKENS = 2  # [CLS] and [SEP]


def build_tokenizer(settings: EmbedderSettings) -> Tokenizer:
    """Return the tokenizer of the configured embedder, without loading the model."""
    match settings:
        case LocalEmbedderSettings():
            directory = find_weights(settings.model, settings.sha256).directory
            return ModelTokenizer(directory, read_max_tokens(directory))
        case OpenAIEmbedderSettings():
            return ModelTokenizer(find_weights(settings.tokenizer).directory, settings.max_tokens)


class ModelTokenizer:
    """The tokenizer of one model directory."""

    def __init__(self, directory: Path, max_tokens: int) -> None:
        self._tokenizer = load_tokenizer(directory)
        self.max_tokens = max_tokens - _SPECIAL_TOKENS

    def spans(self, text: str) -> list[tuple[int, int]]:
        offsets: list[tuple[int, int]] = self._tokenizer.encode(text, add_special_tokens=False).offsets
        return offsets


def load_tokenizer(directory: Path) -> tokenizers.Tokenizer:
    """Load tokenizer.json and disable the truncation and padding that it may configure."""
    tokenizer = tokenizers.Tokenizer.from_buffer((directory / "tokenizer.json").read_bytes())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
