"""Opens the configured judge with a cache, or the lexical judge."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Literal

import structlog

from evals.judging.cache import CachedJudge
from evals.judging.lexical import LexicalJudge
from rag.http import open_session
from service.generation.factory import open_endpoint
from service.judging.base import Judge
from service.judging.factory import build_judge
from service.settings import EmbeddedGeneratorSettings, Settings

log = structlog.get_logger()

Kind = Literal["model", "lexical"]


@asynccontextmanager
async def open_judge(kind: Kind, settings: Settings) -> AsyncIterator[Judge]:
    """Open the judge. Without a server of its own it uses the generator, and warns if that is the embedded model."""
    if kind == "lexical":
        yield LexicalJudge()
        return
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(open_session(settings.http))
        generator = None
        if settings.judge.url is None:  # Otherwise an embedded model would be loaded for nothing.
            if isinstance(settings.generator, EmbeddedGeneratorSettings):
                alternative = "RAG_JUDGE__URL and RAG_JUDGE__MODEL"
                log.warning("judge_is_the_embedded_model", believable=False, instead=alternative)
            generator = await stack.enter_async_context(open_endpoint(settings.generator))
        judge = build_judge(settings.judge, session, generator=generator)
        yield CachedJudge(judge, settings.data_dir / "judgements.jsonl")
