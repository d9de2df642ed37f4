"""The writers by mode, and the default mode."""

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from service.generation.base import Generator
from service.grounding.checking import Grounding
from service.prompting.base import PromptTemplate
from service.settings import PACKAGED_MODEL, AnsweringSettings, GeneratorSettings, Mode, NoGeneratorSettings
from service.writing.base import Writer
from service.writing.checked import CheckedWriter
from service.writing.generate import GenerateWriter
from service.writing.grounded import FlaggingWriter, WithholdingWriter
from service.writing.quote import QuoteWriter


def build_writers(
    generator: Generator,
    grounding: Grounding,
    *,
    answer: PromptTemplate,
    rewrite: PromptTemplate,
    unsupported: Literal["flag", "withhold"],
) -> Mapping[Mode, Writer]:
    """Build one writer for each mode, because each request may choose its mode.

    The mode agentic has none: the work on each of its answers is its writer (`AgentRun`).
    """
    checking = WithholdingWriter if unsupported == "withhold" else FlaggingWriter
    return {
        "quote": QuoteWriter(),
        "checked": CheckedWriter(generator, rewrite),
        "generate": checking(GenerateWriter(generator, answer), grounding),
    }


def available_modes(generator: GeneratorSettings) -> Sequence[Mode]:
    """Return the modes that work with this generator."""
    return ("quote",) if isinstance(generator, NoGeneratorSettings) else get_args(Mode)


def default_mode(answering: AnsweringSettings, generator: GeneratorSettings) -> Mode:
    """Return the configured mode. With `auto`, other models than the packaged one write themselves (ADR 4)."""
    if answering.mode != "auto":
        return answering.mode
    return "generate" if is_capable(generator) else "quote"


def is_capable(generator: GeneratorSettings) -> bool:
    """Return whether the model can be expected to follow instructions, which the packaged one does not (ADR 4)."""
    return not isinstance(generator, NoGeneratorSettings) and generator.model != PACKAGED_MODEL
