import pytest

from service.grounding.checking import Grounding, Verdict

PASSAGES = (
    "The mill was built in 1820 by Anna Berg. It does not need a licence. Three wheels drive it.",
    "It burnt down in 1902 and was never rebuilt. The town has 1,200 people.",
)


async def check(answer: str) -> list[tuple[str, Verdict]]:
    found = await Grounding().check(answer, PASSAGES)
    return [(answer[sentence.start : sentence.end], sentence.verdict) for sentence in found]


@pytest.mark.parametrize(
    ("sentence", "verdict"),
    [
        ("Anna Berg built the mill in 1820 [1].", "supported"),
        ("The town has 1200 people [2].", "supported"),
        ("The mill has 3 wheels [1].", "supported"),
        ("The mill, built in 1820, burnt down in 1902 [1][2].", "supported"),
        ("The mill was never rebuilt.", "supported"),
        ("The mill burnt down in 1902 [1].", "unsupported"),
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
        ("The documents do not need a licence [1].", "supported"),
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
