import pytest

from rag.errors import Unavailable
from service.grounding.checking import Grounding, Verdict
from service.grounding.evidence import Reading
from tests.support.fakes.word_embedder import WordEmbedder

PASSAGES = [
    Reading("The mill was built in 1820 by Anna Berg. It does not need a licence. Three wheels drive the mill."),
    Reading("The mill\nIt burnt down in 1902 and was never rebuilt. The town has 1,200 people."),
]


async def check(answer: str) -> list[tuple[str, Verdict]]:
    found = await Grounding(WordEmbedder()).check(answer, PASSAGES)
    return [(answer[sentence.start : sentence.end], sentence.verdict) for sentence in found]


@pytest.mark.parametrize(
    ("sentence", "verdict"),
    [
        ("Anna Berg built the mill in 1820 [1].", "supported"),
        ("The town has 1200 people [2].", "supported"),
        ("The mill has 3 wheels [1].", "supported"),
        ("The mill, built in 1820, burnt down in 1902 [1][2].", "supported"),
        ("The mill was never rebuilt.", "supported"),
        ("Anna Berg built the mill in 1820 [2].", "unsupported"),
        ("The mill was built in 1821 [1].", "unsupported"),
        ("The mill needs a licence [1].", "unsupported"),
        ("The mill was rebuilt after it burnt down [2].", "unsupported"),
        ("Lions spend the winter in Madrid [2].", "unsupported"),
        ("The mill was built in 1820 [7].", "unsupported"),
        ("## The mill", "nothing"),
        ("Was the mill rebuilt?", "nothing"),
        ("Yes.", "nothing"),
        ("The documents do not say who paid for it [1][2].", "nothing"),
        ("The price is not mentioned in the provided passages.", "nothing"),
        ("I don't know.", "nothing"),
        ("There is no information about its price in the passages [2].", "nothing"),
        ("There is no information about its price, but it costs 5 euros [1].", "unsupported"),
        ("There is no evidence that lions live there [1].", "unsupported"),
        ("The documents do not need a heading [1].", "unsupported"),
    ],
)
async def test_each_sentence_gets_the_verdict_of_what_it_cites(sentence: str, verdict: Verdict) -> None:
    assert await check(sentence) == [(sentence, verdict)]


async def test_a_marker_behind_the_full_stop_belongs_to_the_sentence_before_it() -> None:
    answer = "The mill was built in 1820. [1] It burnt down in 1902. [2]\n\n- The town has 1,300 people [2]\n"
    assert await check(answer) == [
        ("The mill was built in 1820. [1]", "supported"),
        ("It burnt down in 1902. [2]", "supported"),
        ("- The town has 1,300 people [2]", "unsupported"),
    ]


async def test_the_head_of_a_table_claims_nothing_and_its_rows_do() -> None:
    answer = "| town | people |\n|---|---|\n| mill | 1820 | [1]\n| mill | 1830 | [1]"
    assert [verdict for _, verdict in await check(answer)] == ["nothing", "nothing", "supported", "unsupported"]


async def test_a_code_does_not_get_the_meaning_of_the_next_row() -> None:
    table = "Codes\n| code | meaning |\n|---|---|\n| E1234 | The disk is full |\n| E1235 | The network is down |"
    answer = "E1235: the network is down [1]. E1234: the network is down [1]."
    found = await Grounding(WordEmbedder()).check(answer, [Reading(table)])
    assert [sentence.verdict for sentence in found] == ["supported", "unsupported"]


async def test_vectors_are_asked_only_for_sentences_whose_words_do_not_decide() -> None:
    embedder = WordEmbedder()
    clear = "Anna Berg built the mill in 1820 [1]. Lions spend the winter in Madrid [1]. The mill needs a licence [1]."
    assert not any(sentence.asked_vectors for sentence in await Grounding(embedder).check(clear, PASSAGES))
    assert embedder.embedded == []
    unclear = "Flames destroyed the mill, which burnt down and was never rebuilt [2]."
    (sentence,) = await Grounding(embedder).check(unclear, PASSAGES)
    assert sentence.asked_vectors
    assert embedder.embedded[0] == unclear.replace(" [2]", "")


@pytest.mark.parametrize(
    ("sentence", "verdict"),
    [
        ("Anna Berg built the mill in 1820 [1].", "supported"),
        ("It burnt down in 1902 and was never rebuilt [2].", "supported"),
        # Each word is in the passage, but not together.
        ("Three wheels were built by Anna Berg in 1820 [1].", "unsupported"),
        # A paraphrase, which vectors decide otherwise.
        ("Flames destroyed the mill, which burnt down and was never rebuilt [2].", "unsupported"),
    ],
)
async def test_if_the_wording_counts_nearly_all_words_must_be_in_one_place(sentence: str, verdict: Verdict) -> None:
    embedder = WordEmbedder()
    (found,) = await Grounding(embedder, "wording").check(sentence, PASSAGES)
    assert (found.verdict, embedder.embedded) == (verdict, [])


async def test_if_the_wording_counts_a_marker_moves_only_to_a_passage_that_repeats_the_sentence() -> None:
    answer = "Three wheels drive the mill [2]. Three wheels were built by Anna Berg in 1820 [2]."
    found = await Grounding(WordEmbedder(), "wording").check(answer, PASSAGES, finds_sources=True)
    assert [sentence.source for sentence in found] == [1, None]


async def test_an_undecided_sentence_is_not_supported_if_the_embedder_fails() -> None:
    class Broken(WordEmbedder):
        async def embed_passages(self, _):
            raise Unavailable("gone")

    (sentence,) = await Grounding(Broken()).check(
        "Flames destroyed the mill, which burnt down and was never rebuilt [2].", PASSAGES
    )
    assert (sentence.verdict, sentence.asked_vectors) == ("unsupported", True)


@pytest.mark.parametrize(
    ("sentence", "source"),
    [
        ("Anna Berg built the mill in 1820 [1].", None),
        ("Anna Berg built the mill in 1820 [2].", 1),
        ("The mill was never rebuilt.", 2),
        ("The mill was built in 1821 [2].", None),
        ("Lions spend the winter in Madrid [2].", None),
        ("I don't know.", None),
    ],
)
async def test_a_sentence_with_a_wrong_marker_or_none_has_the_passage_that_supports_it(sentence, source) -> None:
    (found,) = await Grounding(WordEmbedder()).check(sentence, PASSAGES, finds_sources=True)
    assert found.source == source
