"""Scores of one answer. docs/guides/evaluation.md has the formulas and their limits."""

import re

from evals.answers.gold import GoldQuestion
from evals.answers.matching import contains_span, flatten, is_exact, token_f1, without_markers
from evals.answers.rubric import grade
from service.answering.drafts import Answer
from service.sentences import is_supported, split_sentences
from service.writing.unsure import without_paragraph

Scores = dict[str, float]
"""Values by measure. A measure that does not apply to the question is absent and does not enter its mean."""

# Splits an answer into text and the citation markers after it, which may stand before or after the full stop.
_CITED_TEXT = re.compile(r"(.*?)((?:\s*\[\d{1,2}\][.,;]?)+|\Z)", re.DOTALL)
_NUMBER = re.compile(r"\[(\d{1,2})\]")
_TRAILING = " .,;\n"
# The wording that models use to decline when their prompt asks for one.
_DECLINING = re.compile(
    r"\b(?:passages?|documents?|text|sources?|context)\b[^.]{0,40}"
    r"\b(?:do(?:es)? not|don't|doesn't)\s+(?:\w+\s+)?(?:say|hold|contain|mention|provide|answer|include)",
    re.IGNORECASE,
)


def score(question: GoldQuestion, answer: Answer) -> Scores:
    """Return every measure that applies to the question."""
    declined = is_declined(answer)
    scores: Scores = {"declined": float(declined), "unsure": float(answer.unsure)}
    if question.is_answerable:
        scores["answered"] = float(not declined)
        scores |= _against_gold(question, answer)
        scores |= _citations(question, answer, declined=declined)
    else:
        scores["refusal_recall"] = float(declined)
    if declined:
        scores["refusal_precision"] = float(not question.is_answerable)
    else:
        scores["cited"] = float(bool(answer.citations))
        scores["groundedness"] = groundedness(answer)
    cited = bool(answer.citations)
    grades = grade(question, answer.text, declined=declined, unsure=answer.unsure, cited=cited)
    return scores | grades | _costs(answer)


def is_declined(answer: Answer) -> bool:
    """Return whether the service declined, or the model said without a citation that the passages do not answer."""
    return answer.declined or (not answer.citations and bool(_DECLINING.search(answer.text)))


def groundedness(answer: Answer) -> float:
    """Return the share of sentences that their cited passages support.

    A sentence is supported if its names, numbers, negations and long words all occur in the passages that it cites.
    """
    passages = {citation.number: citation.hit.chunk.passage for citation in answer.citations}
    supported: list[bool] = []
    for text, markers in _CITED_TEXT.findall(without_paragraph(answer.text)):
        cited = " ".join(passages.get(int(number), "") for number in _NUMBER.findall(markers))
        if cited.strip() and flatten(text) in flatten(cited):
            supported += [True] if text.strip() else []
            continue
        # A marker belongs to the last sentence before it.
        *before, last = split_sentences(text) or [text.strip(_TRAILING)]
        supported += [False] * len(before)
        supported += [is_supported(last, cited, "")] if last else []
    return sum(supported) / len(supported) if supported else 0.0


def _against_gold(question: GoldQuestion, answer: Answer) -> Scores:
    text = without_markers(without_paragraph(answer.text))
    scores: Scores = {}
    if question.spans:
        scores["containment"] = float(any(contains_span(text, span) for span in question.spans))
        scores["exact_match"] = float(any(is_exact(text, span) for span in question.spans))
    if golds := [*question.spans, *question.references]:
        scores["f1"] = max(token_f1(text, gold) for gold in golds)
    return scores


def _citations(question: GoldQuestion, answer: Answer, *, declined: bool) -> Scores:
    if not question.evidence:
        return {}
    cited = [citation.hit.chunk for citation in answer.citations]
    gold = [passage for group in question.evidence for passage in group]
    correct = [any(passage.is_in(chunk.document_id, chunk.passage) for passage in gold) for chunk in cited]
    covered = [
        any(passage.is_in(chunk.document_id, chunk.passage) for passage in group for chunk in cited)
        for group in question.evidence
    ]
    scores: Scores = {"citation_recall": sum(covered) / len(covered)}
    if correct and not declined:
        scores["citation_precision"] = sum(correct) / len(correct)
    return scores


def _costs(answer: Answer) -> Scores:
    timings = answer.timings
    before_text = ("embed", "search", "rerank", "quote", "prompt", "first_token")
    scores: Scores = {
        "words": float(len(without_markers(answer.text).split())),
        "first_text_seconds": sum(timings.get(stage, 0.0) for stage in before_text),
        "total_seconds": timings["total"],
    }
    if answer.usage:
        scores["prompt_tokens"] = float(answer.usage.prompt_tokens)
        scores["completion_tokens"] = float(answer.usage.completion_tokens)
    return scores
