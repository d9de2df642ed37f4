"""What one answer is worth; docs/guides/evaluation.md has the formulas and their limits."""

import re

from evals.answers.gold import GoldQuestion
from evals.answers.matching import contains_span, flatten, is_exact, token_f1, without_markers
from service.answering.drafts import Answer
from service.sentences import is_supported, split_sentences

Scores = dict[str, float]
"""Measure to value. A measure that does not apply to a question is left out, and its mean is taken over the others."""

# An answer in pieces: text, and the markers right after it, which may stand before or after the full stop.
_CITED_TEXT = re.compile(r"(.*?)((?:\s*\[\d{1,2}\][.,;]?)+|\Z)", re.DOTALL)
_NUMBER = re.compile(r"\[(\d{1,2})\]")
_LOOSE = " .,;\n"
# How models say it who were told to say so.
_REFUSAL = re.compile(
    r"\b(?:passages?|documents?|text|sources?|context)\b[^.]{0,40}"
    r"\b(?:do(?:es)? not|don't|doesn't)\s+(?:\w+\s+)?(?:say|hold|contain|mention|provide|answer|include)",
    re.IGNORECASE,
)


def score(question: GoldQuestion, answer: Answer) -> Scores:
    """Every measure that applies."""
    refused = is_refusal(answer)
    scores: Scores = {"refused": float(refused)}
    if question.is_answerable:
        scores["answered"] = float(not refused)
        scores |= _against_gold(question, answer)
        scores |= _citations(question, answer, refused=refused)
    else:
        scores["refusal_recall"] = float(refused)
    if refused:
        scores["refusal_precision"] = float(not question.is_answerable)
    else:
        scores["cited"] = float(bool(answer.citations))
        scores["groundedness"] = groundedness(answer)
    return scores | _costs(answer)


def is_refusal(answer: Answer) -> bool:
    """The service refused, or the model said without a citation that the passages do not answer."""
    return answer.refused or (not answer.citations and bool(_REFUSAL.search(answer.text)))


def groundedness(answer: Answer) -> float:
    """Share of sentences whose names, numbers, negations and long words all stand in the passages that they cite."""
    passages = {citation.number: citation.hit.chunk.passage for citation in answer.citations}
    held: list[bool] = []
    for said, markers in _CITED_TEXT.findall(answer.text):
        cited = " ".join(passages.get(int(number), "") for number in _NUMBER.findall(markers))
        if cited.strip() and flatten(said) in flatten(cited):
            held += [True] if said.strip() else []
            continue
        # Of several sentences before one marker, the last has it.
        *before, last = split_sentences(said) or [said.strip(_LOOSE)]
        held += [False] * len(before)
        held += [is_supported(last, cited, "")] if last else []
    return sum(held) / len(held) if held else 0.0


def _against_gold(question: GoldQuestion, answer: Answer) -> Scores:
    text = without_markers(answer.text)
    scores: Scores = {}
    if question.spans:
        scores["containment"] = float(any(contains_span(text, span) for span in question.spans))
        scores["exact_match"] = float(any(is_exact(text, span) for span in question.spans))
    if golds := [*question.spans, *question.references]:
        scores["f1"] = max(token_f1(text, gold) for gold in golds)
    return scores


def _citations(question: GoldQuestion, answer: Answer, *, refused: bool) -> Scores:
    if not question.needs:
        return {}
    cited = [citation.hit.chunk for citation in answer.citations]
    places = [place for need in question.needs for place in need]
    right = [any(place.is_in(chunk.document_id, chunk.passage) for place in places) for chunk in cited]
    met = [
        any(place.is_in(chunk.document_id, chunk.passage) for place in need for chunk in cited)
        for need in question.needs
    ]
    scores: Scores = {"citation_recall": sum(met) / len(met)}
    if right and not refused:
        scores["citation_precision"] = sum(right) / len(right)
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
