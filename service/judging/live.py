"""Judges a sample of live answers beside the answering, which never waits for it."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog

from rag.errors import BadResponse, Overloaded, Unavailable
from rag.gate import Gate
from rag.tracing import semconv
from rag.tracing.spans import span
from service.judging.base import Judge, Subject, Unreadable, Verdict
from service.judging.calibration import Calibrations
from service.metrics import JUDGE_DROPPED, JUDGE_FAILURES, JUDGE_KAPPA, JUDGE_SCORE, JUDGE_VERDICTS
from service.prompting.base import PromptTemplate, PromptVersion
from service.settings import JudgeSettings

log = structlog.get_logger()

_WAITING = 32


class LiveJudge:
    """A bounded number of judgements at once and waiting; what is too much is dropped and counted."""

    def __init__(self, judge: Judge, rubrics: Sequence[PromptTemplate], *, sample: float, concurrency: int) -> None:
        self._judge = judge
        self._rubrics = rubrics
        self._sample = sample
        self._gate = Gate("live_judge", running=concurrency, waiting=_WAITING)
        self._tasks: set[asyncio.Task[None]] = set()
        if sample:
            for rubric in rubrics:
                for reason in ("unreadable", "failed"):
                    JUDGE_FAILURES.labels(str(rubric.version), reason)

    def consider(self, subject: Subject, *, response_id: str, prompt: PromptVersion | None) -> None:
        """Returns at once: a share of the answers is judged later."""
        # Not for secrets: which answers are read may be guessed.
        if random.random() >= self._sample:
            return
        task = asyncio.create_task(self._evaluate(subject, response_id, prompt))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """What has not been judged is dropped."""
        for task in self._tasks:
            task.cancel()
            JUDGE_DROPPED.labels("stopped").inc()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _evaluate(self, subject: Subject, response_id: str, prompt: PromptVersion | None) -> None:
        try:
            async with self._gate.enter():
                for rubric in self._rubrics:
                    await self._apply(rubric, subject, response_id, prompt)
        except Overloaded:
            JUDGE_DROPPED.labels("full").inc()

    async def _apply(
        self, rubric: PromptTemplate, subject: Subject, response_id: str, prompt: PromptVersion | None
    ) -> None:
        name = str(rubric.version)
        try:
            # A child of the answer's span, which has ended by now.
            with span(f"{semconv.EVALUATE} {name}", {semconv.OPERATION: semconv.EVALUATE}) as evaluation:
                verdict = await self._judge.judge(rubric, subject.to_values())
                attributes = _attributes(verdict, response_id, prompt)
                evaluation.add_event(semconv.EVALUATION, attributes)
                log.info(semconv.EVALUATION, **attributes)
        except Unreadable:
            JUDGE_FAILURES.labels(name, "unreadable").inc()
        except (BadResponse, Unavailable) as error:
            JUDGE_FAILURES.labels(name, "failed").inc()
            log.warning("judge_failed", rubric=name, error=type(error).__name__)
        else:
            JUDGE_VERDICTS.labels(name, verdict.label, str(prompt) if prompt else "none").inc()
            JUDGE_SCORE.labels(name).observe(verdict.score)


@asynccontextmanager
async def open_live_judge(
    judge: Judge, rubrics: Sequence[PromptTemplate], settings: JudgeSettings, calibrations: Calibrations
) -> AsyncIterator[LiveJudge]:
    """Says at the start how far this judge can be believed."""
    if settings.sample:
        for rubric in rubrics:
            _report_calibration(judge, rubric.version, calibrations)
    live = LiveJudge(judge, rubrics, sample=settings.sample, concurrency=settings.concurrency)
    try:
        yield live
    finally:
        await live.close()


def _report_calibration(judge: Judge, rubric: PromptVersion, calibrations: Calibrations) -> None:
    known = calibrations.of(judge.name, rubric)
    for agreement in known:
        JUDGE_KAPPA.labels(str(rubric), agreement.data).set(agreement.kappa)
        log.info("judge_calibration", judge=judge.name, rubric=str(rubric), agreement=str(agreement))
    if not known:
        log.warning("judge_not_calibrated", judge=judge.name, rubric=str(rubric))


def _attributes(verdict: Verdict, response_id: str, prompt: PromptVersion | None) -> dict[str, str | float]:
    """Names of OpenTelemetry's conventions for generative AI; the reason stays out, for it quotes the answer."""
    attributes: dict[str, str | float] = {
        semconv.EVALUATION_NAME: verdict.rubric.name,
        semconv.EVALUATION_SCORE: verdict.score,
        semconv.EVALUATION_LABEL: verdict.label,
        semconv.RESPONSE_ID: response_id,
    }
    if prompt:
        attributes |= {semconv.PROMPT_NAME: prompt.name, semconv.PROMPT_VERSION: prompt.version}
    return attributes
