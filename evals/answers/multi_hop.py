"""`python -m evals agentic`: direct and agentic answers side by side, on questions that need two passages."""

import argparse
import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from statistics import mean, median
from typing import Final

from evals.answers.gold import MULTI_HOP, GoldQuestion, read_question_set
from evals.answers.scoring import is_declined
from evals.collection import SCOPE, open_resources_over
from evals.commands import Commands, print_table
from service.answering.drafts import Answer, Citation, cite_all
from service.answering.events import Inquiry, Sources
from service.metrics import ANSWER_STAGES
from service.resources import Resources
from service.settings import Mode, Settings

EXAMPLES = """  python -m evals agentic                                           compares one search with two
  python -m evals agentic answers.jsonl --limit 10                  compares direct and agentic answers"""

_MODES: Final[Sequence[Mode]] = ("generate", "agentic")
# Steps in which the model is asked. `search` and `verify` need no model.
_CALLS: Final = frozenset({"plan", "grade", "reword", "write", "repair"})
_HEADER: Final = (
    "| mode | answerable | both passages read | both passages cited | declined | unanswerable | answered wrongly "
    "| seconds (median) | model calls | prompt tokens | answer tokens | cost of 1,000 answers |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|---|"
)


_SEARCHES_HEADER: Final = (
    "| passages | questions | both found by one search | by a search for each half |\n|---|---|---|---|"
)
_LIMITS: Final = (4, 5, 10)
# The questions name two facts. Splitting them here is the simplest plan that needs no model.
_HALVES: Final = ", and "


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchComparison:
    """How many questions have both gold passages among the first passages."""

    limit: int
    questions: int
    one_search: int
    two_searches: int

    def to_row(self) -> str:
        return f"| {self.limit} | {self.questions} | {self.one_search} | {self.two_searches} |"


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiHopAnswer:
    """One answer with what is compared."""

    id: str
    mode: Mode
    is_answerable: bool
    is_declined: bool
    reads_both: bool
    """True if the model received both gold passages."""
    cites_both: bool
    seconds: float
    calls: int
    prompt_tokens: int
    completion_tokens: int
    steps: Sequence[str]
    text: str
    model: str


def add_commands(commands: Commands) -> None:
    command = commands.add_parser(
        "agentic",
        help="compare direct and agentic answers on questions that need two passages",
        description="Appends each answer to FILE as it comes, and continues where it was stopped. "
        "Needs a capable model (RAG_GENERATOR__KIND). Without FILE, no model is asked: one search for a question is "
        "compared with one search for each of its halves.",
    )
    command.add_argument(
        "file", type=Path, metavar="FILE", nargs="?", help="file for the answers, one JSON object per line"
    )
    command.add_argument("--limit", type=int, default=30, help="number of questions (default: %(default)s)")
    command.add_argument(
        "--prices",
        default="1,4",
        metavar="IN,OUT",
        help="price of a million prompt tokens and of a million answer tokens (default: %(default)s)",
    )
    command.set_defaults(run=_compare)


def _compare(arguments: argparse.Namespace, settings: Settings) -> None:
    if arguments.file is None:
        print_table(_SEARCHES_HEADER, asyncio.run(compare_searches(settings)))
        return
    asyncio.run(write_answers(arguments.file, settings, limit=arguments.limit))
    prices = [float(price) for price in arguments.prices.split(",")]
    print(to_table(read_answers(arguments.file), prices))


async def compare_searches(settings: Settings) -> list[SearchComparison]:
    """Search for each answerable question, and for its halves, whose passages are merged in turn."""
    questions = read_question_set(MULTI_HOP)
    answerable = [question for question in questions.questions if question.is_answerable]
    async with open_resources_over(questions.documents, settings) as resources:
        whole = [await _find([question.text], resources) for question in answerable]
        halves = [await _find(question.text.split(_HALVES), resources) for question in answerable]
    return [
        SearchComparison(
            limit=limit,
            questions=len(answerable),
            one_search=sum(_covers(question, found[:limit]) for question, found in zip(answerable, whole, strict=True)),
            two_searches=sum(
                _covers(question, found[:limit]) for question, found in zip(answerable, halves, strict=True)
            ),
        )
        for limit in _LIMITS
    ]


async def _find(searches: Sequence[str], resources: Resources) -> list[Citation]:
    inquiries = [Inquiry(scope=SCOPE, question=search, limit=max(_LIMITS)) for search in searches]
    found = [(await resources.answerer.search(inquiry, ANSWER_STAGES.start())).hits for inquiry in inquiries]
    in_turn = (hit for hits in zip_longest(*found) for hit in hits if hit is not None)
    return cite_all(list({hit.chunk.id: hit for hit in in_turn}.values()))


async def write_answers(file: Path, settings: Settings, *, limit: int) -> None:
    """Append the answers that the file lacks, both modes of a question one after the other."""
    questions = read_question_set(MULTI_HOP)
    known = {(answer.id, answer.mode) for answer in read_answers(file)}
    missing = [
        (question, mode)
        for question in _in_turn(questions.questions)[:limit]
        for mode in _MODES
        if (question.id, mode) not in known
    ]
    if not missing:
        return
    async with open_resources_over(questions.documents, settings) as resources:
        for question, mode in missing:
            answer = await _ask(question, mode, resources)
            with file.open("a", encoding="utf-8") as lines:
                lines.write(f"{json.dumps(asdict(answer), ensure_ascii=False)}\n")


def read_answers(file: Path) -> list[MultiHopAnswer]:
    """Return the answers of a file. It need not exist."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [MultiHopAnswer(**json.loads(line)) for line in lines]


def to_table(answers: Sequence[MultiHopAnswer], prices: Sequence[float]) -> str:
    """Return one row for each mode, over the questions that were asked in both."""
    asked = [{answer.id for answer in answers if answer.mode == mode} for mode in _MODES]
    both = set.intersection(*asked)
    paired = [[answer for answer in answers if answer.mode == mode and answer.id in both] for mode in _MODES]
    return "\n".join([_HEADER, *(_to_row(some, prices) for some in paired if some)])


def _to_row(answers: Sequence[MultiHopAnswer], prices: Sequence[float]) -> str:
    answerable = [answer for answer in answers if answer.is_answerable]
    others = [answer for answer in answers if not answer.is_answerable]
    prompt, completion = (
        mean(getattr(each, f"{kind}_tokens") for each in answers) for kind in ("prompt", "completion")
    )
    cost = (prompt * prices[0] + completion * prices[1]) / 1000
    cells = (
        answers[0].mode,
        len(answerable),
        sum(answer.reads_both for answer in answerable),
        sum(answer.cites_both for answer in answerable),
        sum(answer.is_declined for answer in answerable),
        len(others),
        sum(not answer.is_declined for answer in others),
        f"{median(answer.seconds for answer in answers):.0f}",
        f"{mean(answer.calls for answer in answers):.1f}",
        f"{prompt:,.0f}",
        f"{completion:,.0f}",
        f"{cost:.2f}",
    )
    return f"| {' | '.join(map(str, cells))} |"


def _in_turn(questions: Sequence[GoldQuestion]) -> list[GoldQuestion]:
    """Return the questions in an order in which each beginning has both kinds in proportion."""
    drawn = sorted(questions, key=lambda question: hashlib.sha256(question.id.encode()).digest())
    kinds = [[question for question in drawn if question.is_answerable is kind] for kind in (True, False)]
    places = {question.id: (place + 0.5) / len(kind) for kind in kinds for place, question in enumerate(kind)}
    return sorted(drawn, key=lambda question: places[question.id])


async def _ask(question: GoldQuestion, mode: Mode, resources: Resources) -> MultiHopAnswer:
    inquiry = Inquiry(scope=SCOPE, question=question.text, limit=resources.settings.retrieval.limit, mode=mode)
    *events, answer = [event async for event in resources.answerer.answer(inquiry)]
    assert isinstance(answer, Answer)
    [sources] = [event.citations for event in events if isinstance(event, Sources)]
    writes = 0 if answer.sent_prompt is None else 1
    return MultiHopAnswer(
        id=question.id,
        mode=mode,
        is_answerable=question.is_answerable,
        is_declined=is_declined(answer),
        reads_both=_covers(question, sources),
        cites_both=_covers(question, answer.citations),
        seconds=round(answer.timings["total"], 1),
        calls=sum(step.name in _CALLS for step in answer.steps) if answer.steps else writes,
        prompt_tokens=answer.usage.prompt_tokens if answer.usage else 0,
        completion_tokens=answer.usage.completion_tokens if answer.usage else 0,
        steps=[f"{step.name}: {step.text}" for step in answer.steps],
        text=answer.text,
        model=answer.model or resources.settings.generator.model,
    )


def _covers(question: GoldQuestion, citations: Sequence[Citation]) -> bool:
    """Return whether the citations have a passage of each group. False for unanswerable questions."""
    chunks = [citation.hit.chunk for citation in citations]
    return bool(question.evidence) and all(
        any(passage.is_in(chunk.document_id, chunk.passage) for passage in group for chunk in chunks)
        for group in question.evidence
    )
