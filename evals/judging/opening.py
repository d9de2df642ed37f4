"""The judge that the settings name, or the lexical one, with its verdicts kept."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Literal

import structlog

from evals.judging.cache import CachedJudge
from evals.judging.lexical import LexicalJudge
from rag.http import open_session
from service.generation.endpoint import Endpoint, open_endpoint
from service.judging.base import Judge
from service.judging.factory import build_judge
from service.settings import EmbeddedGeneratorSettings, Settings

log = structlog.get_logger()

Kind = Literal["model", "lexical"]


@asynccontextmanager
async def open_judge(kind: Kind, settings: Settings) -> AsyncIterator[Judge]:
    """Without a server for judging the generator's is asked; the embedded model is no judge, and that is said."""
    if kind == "lexical":
        yield LexicalJudge()
        return
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(open_session(settings.http))
        endpoint = await stack.enter_async_context(_open_endpoint(settings))
        judge = build_judge(settings.judge, endpoint, session)
        yield CachedJudge(judge, settings.data_dir / "judgements.jsonl")


@asynccontextmanager
async def _open_endpoint(settings: Settings) -> AsyncIterator[Endpoint]:
    if settings.judge.url is not None:  # No second model is loaded that nobody asks.
        yield Endpoint(url=str(settings.judge.url), model=settings.judge.model or "", concurrency=1)
        return
    if isinstance(settings.generator, EmbeddedGeneratorSettings):
        log.warning("judge_is_the_embedded_model", believable=False, instead="RAG_JUDGE__URL and RAG_JUDGE__MODEL")
    async with open_endpoint(settings.generator) as endpoint:
        yield endpoint
