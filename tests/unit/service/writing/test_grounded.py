import numpy as np
import pytest

from service.generation.base import Finish, Retraction
from service.grounding.checking import Grounding
from service.metrics import ANSWER_STAGES
from service.writing.base import CitedPassage, Groundedness, WritingInput
from service.writing.grounded import NOTHING_SUPPORTED, FlaggingWriter, WithholdingWriter
from tests.support.fakes.word_embedder import WordEmbedder
from tests.support.passages import hit

PASSAGES = (
    "The mill was built in 1820 by Anna Berg. It does not need a licence.",
    "The mill\nIt burnt down in 1902 and was never rebuilt. The town has 1,200 people.",
)
INPUT = WritingInput(
    question="What happened?",
    vector=np.zeros(1, np.float32),
    hits=[hit(text) for text in PASSAGES],
)


class Script:
    """A writer that writes given pieces."""

    model = "script"

    def __init__(self, *pieces):
        self.pieces = pieces

    async def write(self, _, __):
        for piece in self.pieces:
            yield piece


async def write(kind, *pieces):
    writer = kind(Script(*pieces), Grounding(WordEmbedder()))
    return [piece async for piece in writer.write(INPUT, ANSWER_STAGES.start())]


def text_of(pieces):
    return "".join(piece for piece in pieces if isinstance(piece, str))


def by_words(text):
    return [f"{word} " for word in text.split(" ")]


async def test_flagging_changes_no_piece_and_reports_what_is_not_supported_at_the_end():
    written = [*by_words("The mill was built in 1820 [1]. It burnt down in 1903 [2]."), CitedPassage(number=1)]
    *pieces, report = await write(FlaggingWriter, *written)
    assert pieces == written
    assert isinstance(report, Groundedness)
    assert (report.supported, report.withheld, report.is_empty) == (1, 0, False)
    assert [text_of(pieces)[it.start : it.end] for it in report.unsupported] == ["It burnt down in 1903 [2]."]
    assert report.unsupported[0].cited == (2,)


async def test_flagging_forgets_a_retracted_text():
    *_, report = await write(FlaggingWriter, "Lions live in Madrid.", Retraction(), "The mill was built in 1820 [1].")
    assert (report.supported, report.unsupported) == (1, [])


@pytest.mark.parametrize(
    ("written", "shown", "withheld"),
    [
        ("The mill was built in 1820 [1]. It burnt down in 1902 [2].", None, 0),
        (
            "The mill was built in 1820 [1]. It was rebuilt in 1903 [2]. The town has 1,200 people [2].",
            "The mill was built in 1820 [1]. The town has 1,200 people [2].",
            1,
        ),
        (
            "## Mill\n\n- built in 1820 [1]\n- built in 1821 [1]\n- burnt down in 1902 [2]\n\n## Lions\n\n- Madrid [1]",
            "## Mill\n\n- built in 1820 [1]\n- burnt down in 1902 [2]",
            2,
        ),
        ("The mill burnt down in 1902. [2]\n\nLions live in Madrid. [1]", "The mill burnt down in 1902. [2]", 1),
        (
            "| mill | year |\n|---|---|\n| built | 1820 | [1]\n| burnt | 1820 | [2]\n",
            "| mill | year |\n|---|---|\n| built | 1820 | [1]",
            1,
        ),
        ("Lions live in Madrid [1].", NOTHING_SUPPORTED, 1),
        ("The documents do not say who paid for it.", None, 0),
        ("Lions live in Madrid [1]. The documents do not say who paid.", "The documents do not say who paid.", 1),
    ],
)
async def test_withholding_shows_what_is_supported_and_nothing_else(written, shown, withheld):
    pieces = await write(WithholdingWriter, *by_words(written), CitedPassage(number=2))
    assert text_of(pieces).strip() == (written if shown is None else shown)
    assert pieces[-1].withheld == withheld


async def test_withholding_releases_a_sentence_as_soon_as_the_next_one_begins():
    seen = []

    class Watched(Script):
        async def write(self, _, __):
            for piece in by_words(
                "The mill was built in 1820 [1]. It burnt down in 1902 [2]. The town has 7 people [2]."
            ):
                seen.append(piece)
                yield piece

    writer = WithholdingWriter(Watched(), Grounding(WordEmbedder()))
    released = [
        (piece, len(seen)) async for piece in writer.write(INPUT, ANSWER_STAGES.start()) if isinstance(piece, str)
    ]
    assert [text.strip() for text, _ in released] == ["The mill was built in 1820 [1].", "It burnt down in 1902 [2]."]
    assert released[0][1] < released[1][1] < len(seen) + 1


async def test_withholding_cites_only_what_is_shown_and_passes_reports_on():
    pieces = await write(
        WithholdingWriter,
        "Lions live in Madrid [1]. It burnt down in 1902 [2].",
        Finish(reason="stop"),
        CitedPassage(number=1),
        CitedPassage(number=2),
    )
    assert [piece for piece in pieces if not isinstance(piece, str)] == [
        Finish(reason="stop"),
        CitedPassage(number=2),
        Groundedness(supported=1, withheld=1),
    ]


@pytest.mark.parametrize(
    ("written", "shown", "cited"),
    [
        ("It burnt down in 1902 [1]. The town has 1,200 people [2].", None, [2]),
        ("The mill was built in 1820.", "The mill was built in 1820. [1]", [1]),
        ("- built in 1820 by Anna Berg\n- burnt down in 1902 [1]", "- built in 1820 by Anna Berg [1]\n-", [1, 2]),
        ("It burnt down in 1902 [1][7].", "It burnt down in 1902 [2].", [2]),
        ("It burnt down [1] in 1902 [1].", "It burnt down [2] in 1902.", [2]),
        ("| mill | 1820 |\n", "| mill | 1820 |", []),
        ("```\nmill built 1820\n```", None, []),
    ],
)
async def test_withholding_moves_a_marker_to_the_passage_that_supports_the_sentence(written, shown, cited):
    pieces = await write(WithholdingWriter, *by_words(written))
    text = text_of(pieces).strip()
    assert text.startswith(shown or written.replace("1902 [1]", "1902 [2]"))
    assert [piece.number for piece in pieces if isinstance(piece, CitedPassage)] == cited
    assert pieces[-1].withheld == 0


async def test_a_block_of_code_is_checked_as_a_whole():
    code = "```\nmill built 1820\n```\n[1]\n\nIt burnt down in 1902 [2]."
    assert text_of(await write(WithholdingWriter, *by_words(code))).strip() == code
