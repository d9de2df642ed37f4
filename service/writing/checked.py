"""A writer that keeps a model's sentence only if a quote supports it."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress

from rag.stages import StageTimer
from service.generation.base import EmptyText, Generator, Reply
from service.metrics import declare_prompt
from service.prompting.base import PromptTemplate
from service.quoting.answers import Quote
from service.sentences import is_supported, split_sentences
from service.writing.base import Piece, SentPrompt, WritingInput
from service.writing.quote import cite_each
from service.writing.unsure import UNSURE

# As many as the mode quote, so that both give answers of the same length (ADR 4).
_SENTENCES = 3


class CheckedWriter:
    """Writes at most three sentences: the model's supported ones first, then the quotes themselves."""

    def __init__(self, generator: Generator, template: PromptTemplate) -> None:
        self._generator = generator
        self.model = generator.model
        self._template = template
        declare_prompt(template.version.name, template.version.version)

    async def write(self, writing_input: WritingInput, timer: StageTimer) -> AsyncGenerator[Piece]:
        quotes = writing_input.quotes
        with timer.stage("prompt"):
            passages = " ".join(quote.text for quote in quotes)
            prompt = self._template.fill(text=passages, question=writing_input.question)
        yield SentPrompt(version=self._template.version, prompt=prompt, passages=len(passages))
        reply = Reply()
        with suppress(EmptyText):  # The quotes are an answer without the model too.
            await reply.read(self._generator, prompt)
        if reply.usage:
            yield reply.usage
        sentences = split_sentences(reply.text)
        sources = ((claim, _supporting_quote(claim, quotes, writing_input.question)) for claim in sentences)
        supported = [(claim, quote) for claim, quote in sources if quote]
        claims = [*supported, *((quote.text, quote) for quote in quotes)]
        if writing_input.is_unsure:
            yield UNSURE
        for cited in cite_each(claims[:_SENTENCES], between=" "):
            yield cited


def _supporting_quote(claim: str, quotes: Sequence[Quote], question: str) -> Quote | None:
    """Return the first quote that supports the claim, unless it contains the claim word for word."""
    others = (quote for quote in quotes if claim not in quote.text)
    return next((quote for quote in others if is_supported(claim, quote.text, question)), None)
