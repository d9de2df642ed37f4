"""Which block of the passages answers a question."""

from dataclasses import replace

import pytest

from rag.types import ScoredChunk
from service.quoting.answers import Quote
from service.retrieval.selection import Candidate
from service.writing.base import CitedPassage, WritingInput
from service.writing.quote import Quoter, cite_each
from tests.support.fakes.word_embedder import WordEmbedder
from tests.support.passages import hit

ERRORS = (
    "Error E1234 means that the fuse in bay two is blown. Replace the fuse and press reset.\n\n"
    "Error E1235 means that the door is open. Close the door and wait ten seconds.\n\n"
    "Any other error is written to the log with a time and a place."
)
HANDBOOK = (
    "Backup of the travel data happens every Monday at six in the morning. "
    "Flights above six hours may be booked in business class. Hotels cost at most 140 euros a night.\n\n"
    "Taxis are paid only with a receipt. The per diem in Norway is 61 euros."
)
SETTINGS = (
    "variable: APP_PORT | default: 8000 | description: Port to listen on.\n\n"
    "variable: APP_HOST | default: 127.0.0.1 | description: Address to listen on. Beside APP_PORT."
)
HOWTO = (
    "Backups are copies of the collection. They are made while the service runs.\n\n"
    "To make a backup, run this command:\n\n```console\n$ app backup /backups/monday\n```\n\n"
    "Usage: app backup [--json] FOLDER"
)
FAQ = "Can I return an order?\n\nYes, within 30 days. Keep the receipt.\n\nWho pays the postage?\n\nThe shop pays it."
FORMATS = "The service reads three formats:\n\n- PDF\n- Markdown\n- HTML\n\nA format that it cannot read is rejected."
NEXT = "- Lisbon\n- Riga"
PUMPS = "The P7 pump was built in Bergen. It carries water from the lake to the town. It needs no oil."


async def continued(passage: ScoredChunk) -> ScoredChunk:
    """Return the passage with the next one of its document, as the retriever does."""
    return replace(passage, chunk=replace(passage.chunk, text=f"{passage.chunk.text}\n\n{NEXT}"))


async def quotes_for(
    question: str, *passages: str | ScoredChunk, embedder: WordEmbedder | None = None, min_confidence: float = 0
) -> list[Quote]:
    embedder = embedder or WordEmbedder()
    hits = [
        text if isinstance(text, ScoredChunk) else hit(text, document=f"d{index}", score=0.9 - index / 10)
        for index, text in enumerate(passages)
    ]
    candidates = [Candidate(hit=it, reason="taken") for it in hits]
    vector = await embedder.embed_query(question)
    picked = await Quoter(embedder, min_confidence=min_confidence, sure_confidence=0).pick(
        WritingInput(question=question, asked=question, vector=vector, hits=hits[:3], candidates=candidates), continued
    )
    for quote in picked.quotes:
        assert quote.evidence in picked.hits[quote.passage].chunk.text
    return list(picked.quotes)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("E1234", "fuse in bay two"),
        ("E1234?", "fuse in bay two"),
        ("error e1234", "fuse in bay two"),
        ("What is E1234?", "fuse in bay two"),
        ("E1235", "door is open"),
        ("Norway", "61 euros"),
        ("per diem", "61 euros"),
        ("backup", "Monday"),
        ("receipt", "receipt"),
        ("Hotels", "140"),
        ("APP_PORT", "Port to listen on"),
        ("What is the default of APP_HOST?", "127.0.0.1"),
        ("How do I make a backup?", "$ app backup /backups/monday"),
        ("Can I return an order?", "Yes, within 30 days."),
        ("Who pays the postage?", "The shop pays it."),
        ("Which formats does the service read?", "- HTML"),
    ],
)
async def test_the_block_that_answers_is_quoted_first(question, words):
    first, *_ = await quotes_for(question, ERRORS, HANDBOOK, SETTINGS, HOWTO, FAQ, FORMATS, PUMPS)
    assert words in first.text


LEAVE = hit("Employees get 25 days of leave a year.\n\nLeave ends with the year.", document="d1", heading="2.2 Leave")
HOURS = hit("The week has 38 hours.\n\nWork on Sunday counts twice.", document="d2", heading="2.20 Hours")
PLAIN = "2.3 Travel\nTrips need an approval.\n\n2.4 Sickness\nReport an absence before nine."


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("What does section 2.2 say?", "2.2 Leave:\nEmployees get 25 days of leave a year.\nLeave ends with the year."),
        ("section 2.20", "2.20 Hours:\nThe week has 38 hours.\nWork on Sunday counts twice."),
        ("what is in § 2.3?", "2.3 Travel\nTrips need an approval."),
    ],
)
async def test_a_section_is_found_by_its_number(question, text):
    first, *_ = await quotes_for(question, ERRORS, HOURS, PLAIN, LEAVE, min_confidence=0.5)
    assert first.text == text


async def test_a_section_that_no_passage_has_gets_no_quote():
    assert await quotes_for("What does section 2.9 say?", HANDBOOK, LEAVE, HOURS, PLAIN) == []


@pytest.mark.parametrize("question", ["E9999", "What does E9999 mean?", "APP_POR"])
async def test_a_code_that_no_passage_contains_gets_no_quote(question):
    assert await quotes_for(question, ERRORS, SETTINGS) == []


async def test_the_neighbour_of_a_code_is_not_part_of_its_answer():
    [quote] = await quotes_for("E1234", ERRORS)
    assert quote.text == "Error E1234 means that the fuse in bay two is blown. Replace the fuse and press reset."


@pytest.mark.parametrize(
    "question",
    [
        "What is the default of APP_ANSWERS__WAITING?",
        "default of APP_ANSWERS__WAITING",
        "Which values can APP_ANSWERS__WAITING have?",
    ],
)
async def test_only_the_row_of_the_setting_that_is_asked_for_is_quoted(question):
    rows = [
        "variable: APP_ANSWERS__FIRST_TEXT_SECONDS | default: 2.0 | description: Seconds to the first text.",
        "variable: APP_ANSWERS__STREAM_AFTER_SECONDS | default: 1.0 | description: Seconds after which it begins.",
        "variable: APP_ANSWERS__WAITING | default: 64 | description: Questions that may queue for the model.",
    ]
    [quote] = await quotes_for(question, "\n\n".join(rows))
    assert quote.text == rows[2]


@pytest.mark.parametrize("question", ["What options does docker_run accept?", "List the options of docker_run"])
async def test_all_rows_about_the_command_of_the_question_are_quoted(question):
    rows = [f"command: docker_run | option: --{name} | description: Sets the {name}." for name in "abcdefgh"]
    [quote] = await quotes_for(question, "\n\n".join(rows))
    assert quote.text.splitlines() == rows


async def test_a_passage_without_an_answer_is_unsure():
    passage = hit("What is the price?\n\nWho pays for it?", document="d", score=0.9)
    asked = WritingInput(
        question="Who pays?", asked="Who pays?", vector=await WordEmbedder().embed_query("Who pays?"), hits=[passage],
        candidates=[Candidate(hit=passage, reason="taken")],
    )  # fmt: skip
    picked = await Quoter(WordEmbedder(), min_confidence=0.45, sure_confidence=0.7).pick(asked, continued)
    assert picked.quotes
    assert picked.is_unsure


async def test_a_sentence_that_begins_with_a_pronoun_brings_the_one_before_it():
    [quote] = await quotes_for("What carries water from the lake to the town?", PUMPS)
    assert quote.text.startswith("The P7 pump was built in Bergen. It carries water")


async def test_code_comes_with_the_sentence_that_announces_it():
    first, *_ = await quotes_for("How do I make a backup?", HOWTO)
    assert first.text == "To make a backup, run this command:\n```console\n$ app backup /backups/monday\n```"


async def test_a_short_paragraph_brings_the_next_one_with_the_code_that_it_announces():
    text = "Start the generator every Tuesday.\n\nThe test is started by hand with:\n\n```\ngensetctl test\n```"
    first, *_ = await quotes_for("How is the generator started?", text)
    assert first.text.endswith("The test is started by hand with:\n```\ngensetctl test\n```")


async def test_a_passage_beyond_the_limit_moves_to_the_front_if_it_answers():
    embedder, question = WordEmbedder(), "APP_PORT"
    hits = [hit(text, document=f"d{n}", score=0.9) for n, text in enumerate([HANDBOOK, PUMPS, FAQ, SETTINGS])]
    candidates = [Candidate(hit=it, reason="taken" if n < 3 else "beyond_limit") for n, it in enumerate(hits)]
    vector = await embedder.embed_query(question)
    picked = await Quoter(embedder, min_confidence=0, sure_confidence=0).pick(
        WritingInput(question=question, asked=question, vector=vector, hits=hits[:3], candidates=candidates), continued
    )
    assert [it.chunk.document_id for it in picked.hits] == ["d3", "d0", "d1"]
    assert [it.reason for it in picked.candidates] == ["taken", "taken", "beyond_limit", "taken"]


async def test_an_announcement_at_the_end_of_a_passage_brings_the_next_passage():
    [quote, *_] = await quotes_for("Which cities have an office?", "These cities have an office:")
    assert quote.text == "These cities have an office:\n- Lisbon\n- Riga"


async def test_a_list_that_is_longer_than_its_passage_is_quoted_to_its_end():
    [quote, *_] = await quotes_for("Which cities have an office?", "These cities have an office:\n\n- Oslo\n- Turin")
    assert quote.text == "These cities have an office:\n- Oslo\n- Turin\n- Lisbon\n- Riga"


async def test_two_items_of_a_list_are_quoted_with_one_announcement():
    text = (
        "The following options exist:\n\n- `speed` - How fast the pump turns, in rounds per minute of the wheel.\n"
        "- `colour` - Which colour the housing has, as a name that the shop knows and can order from the factory.\n"
        "- `turns` - How often the pump turns before it rests, which depends on the speed of the wheel in the pump."
        "\n\nAll of them are set in the shop."
    )
    quote, *others = await quotes_for("Can the speed with which the pump turns be set?", text)
    assert not any("- `" in other.text for other in others)
    assert [line[:9] for line in quote.text.split("\n")] == ["The follo", "- `speed`", "- `colour", "- `turns`"]


@pytest.mark.parametrize(
    ("question", "text", "last"),
    [
        (
            "Which rooms does the house have?",
            "The house has the following rooms. All of them can be heated.\n\n- a hall\n- a kitchen\n\nIt has no lift.",
            "- a kitchen",
        ),
        (
            "How do I pin the version?",
            "Pin the version that you know works.\n\nFor example, you use version 2.\n\nWrite into the file:\n\n"
            "```\npump==2.0.0\n```",
            "```\npump==2.0.0\n```",
        ),
        (
            "Why does the collector create its metrics again?",
            "The collector creates its metrics again on each scrape, and never updates those of the scrape before it, "
            "which would seem cheaper to the person who writes it.\n\nThe reason is that two scrapes can overlap.",
            "The reason is that two scrapes can overlap.",
        ),
    ],
)
async def test_a_block_goes_on_until_it_answers(question, text, last):
    [quote, *_] = await quotes_for(question, HANDBOOK, text)
    assert quote.text.endswith(last)


async def test_an_abbreviation_is_defined_where_it_stands_in_parentheses():
    first, *_ = await quotes_for(
        "TTFT", "TTFT grows with load.", "The time to the first token (TTFT) is what users feel."
    )
    assert first.text == "The time to the first token (TTFT) is what users feel."


async def test_the_two_things_that_a_question_compares_are_quoted_together():
    table = (
        "mode: fast | answer: reads one page\nmode: slow | answer: reads all pages\nmode: off | answer: reads nothing"
    )
    first, *_ = await quotes_for("What is the difference between fast and off?", HANDBOOK, table)
    assert first.text == "mode: fast | answer: reads one page\nmode: off | answer: reads nothing"


async def test_a_route_in_the_heading_is_part_of_the_answer():
    passage = hit("Queue the removal of a document.", document="d0", heading="DELETE /v1/documents/{id}")
    [quote] = await quotes_for("How do I remove a document?", passage)
    assert quote.text == "DELETE /v1/documents/{id}: Queue the removal of a document."
    assert quote.evidence == "Queue the removal of a document."


@pytest.mark.parametrize(
    "question", ["How do I bake bread at home?", "Who won the match on Sunday?", "What does the annual licence cost?"]
)
async def test_passages_that_are_not_likely_to_answer_are_not_quoted(question):
    assert await quotes_for(question, ERRORS, HANDBOOK, HOWTO, min_confidence=0.5) == []


@pytest.mark.parametrize("question", ["What does E1234 mean?", "APP_PORT"])
async def test_a_likely_answer_is_quoted(question):
    assert await quotes_for(question, ERRORS, SETTINGS, HOWTO, min_confidence=0.5)


@pytest.mark.parametrize(
    ("above_min", "above_sure", "is_quoted", "is_unsure"),
    [
        (-0.001, 0, False, False),
        (0, -0.001, True, True),
        (0, 0, True, False),
        (-0.001, 0.1, False, False),
        (0, 0.1, True, False),
    ],
    ids=[
        "below the lowest",
        "just unsure",
        "just sure",
        "declined with a lower threshold for sure",
        "sure with a lower threshold for sure",
    ],
)
async def test_two_thresholds_divide_answers_into_declined_unsure_and_sure(above_min, above_sure, is_quoted, is_unsure):
    question, embedder = "How is the taxi paid?", WordEmbedder()
    found = WritingInput(question=question, vector=await embedder.embed_query(question), hits=[hit(HANDBOOK)])
    likely = (await Quoter(embedder, min_confidence=0, sure_confidence=0).pick(found, continued)).confidence
    picked = await Quoter(embedder, min_confidence=likely - above_min, sure_confidence=likely - above_sure).pick(
        found, continued
    )
    assert (picked.confidence, bool(picked.quotes), picked.is_unsure) == (likely, is_quoted, is_unsure)


async def test_few_units_are_embedded_however_long_the_passages_are():
    embedder = WordEmbedder()
    await quotes_for(
        "How do I make a backup?", *[f"{HOWTO}\n\nVersion {n}. {HANDBOOK}" for n in range(9)], embedder=embedder
    )
    assert len(embedder.embedded) <= 4


@pytest.mark.parametrize(
    ("texts", "between", "written"),
    [
        (["The pump\nleaks.", "It needs oil."], "\n\n", "The pump leaks. [1]\n\nIt needs oil. [2]"),
        (["The pump leaks.", "It needs oil."], " ", "The pump leaks. [1] It needs oil. [2]"),
        (["Close it:", "- the valve\n- the door"], " ", "Close it: [1]\n\n- the valve\n- the door\n[2]"),
        (["```\nstop\n```", "It needs oil."], " ", "```\nstop\n```\n[1]\n\nIt needs oil. [2]"),
    ],
)
def test_a_list_and_code_begin_and_end_with_a_blank_line(texts, between, written):
    claims = [(text, Quote(text=text, passage=number, evidence=text)) for number, text in enumerate(texts)]
    pieces = list(cite_each(claims, between=between))
    assert "".join(piece for piece in pieces if isinstance(piece, str)) == written
    cited = [piece for piece in pieces if isinstance(piece, CitedPassage)]
    assert cited == [CitedPassage(number=number, quote=text) for number, text in enumerate(texts, 1)]
