"""Every way to write an answer, and which one is the default for a generator."""

from collections.abc import Mapping

from rag.embedding.base import Embedder
from service.generation.base import Generator
from service.prompting.base import PromptTemplate
from service.settings import PACKAGED_MODEL, AnsweringSettings, GeneratorSettings, Mode
from service.writing.base import Writer
from service.writing.checked import CheckedWriter
from service.writing.generate import GenerateWriter
from service.writing.quote import Quoter, QuoteWriter


def build_writers(
    embedder: Embedder, generator: Generator, *, answer: PromptTemplate, rewrite: PromptTemplate
) -> Mapping[Mode, Writer]:
    quoter = Quoter(embedder)
    return {
        "quote": QuoteWriter(quoter),
        "checked": CheckedWriter(quoter, generator, rewrite),
        "generate": GenerateWriter(generator, answer),
    }


def default_mode(answering: AnsweringSettings, generator: GeneratorSettings) -> Mode:
    """The configured mode; left to itself, the packaged model quotes and any other one is trusted to write."""
    if answering.mode != "auto":
        return answering.mode
    return "quote" if generator.model == PACKAGED_MODEL else "generate"
