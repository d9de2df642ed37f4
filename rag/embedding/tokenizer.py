"""The embedder's tokenizer without its model: chunking needs no weights in memory."""

from pathlib import Path

import tokenizers

_SPECIAL_TOKENS = 2  # [CLS] and [SEP]


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
