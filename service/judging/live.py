"""Judging of a sample of live answers in the background."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import product

import structlog

from rag.errors import BadResponse, Overloaded, Unavailable
from rag.gate import Gate
from rag.tracing import semconv
from rag.tracing.spans import span
from service.judging.base import Judge, Subject, UnreadableVerdict, Verdict
from service.judging.calibration import Calibrations
from service.metrics import JUDGE_DROPPED, JUDGE_FAILURES, JUDGE_KAPPA, JUDGE_SCORE, JUDGE_VERDICTS
from service.prompting.base import PromptTemplate, PromptVersion
from service.settings import JudgeSettings

log = structlog.get_logger()

# Bounds the memory of waiting answers. Further answers of the sample are dropped and counted.
_WAITING = 32
_NO_PROMPT = "none"


class LiveJudge:
    """Judges a share of the answers. The number of running and waiting judgements is bounded."""

    def __init__(
        self,
        judge: Judge,
        rubrics: Sequence[PromptTemplate],
        *,
        sample: float,
        concurrency: int,
        prompts: Sequence[PromptVersion] = (),
    ) -> None:
        self._judge = judge
        self._rubrics = rubrics
        self._sample = sample
        self._gate = Gate("live_judge", running=concurrency, waiting=_WAITING)
        self._tasks: set[asyncio.Task[None]] = set()
        if sample:
            for rubric in rubrics:
                for reason in ("unreadable", "failed"):
                    JUDGE_FAILURES.labels(str(rubric.version), reason)
                for label, prompt in product(rubric.verdicts, (_NO_PROMPT, *map(str, prompts))):
                    JUDGE_VERDICTS.labels(str(rubric.version), label, prompt)

    def consider(self, subject: Subject, *, response_id: str, prompt: PromptVersion | None) -> None:
        """Schedule the answer for judging, with the configured probability. Returns immediately."""
        # Not security-relevant: an attacker may predict which answers are judged.
        if random.random() >= self._sample:
            return
        task = asyncio.create_task(self._evaluate(subject, response_id, prompt))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Cancel and count all judgements that have not finished."""
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
            # The parent is the span of the answer, which has ended by now.
            with span(f"{semconv.EVALUATE} {name}", {semconv.OPERATION: semconv.EVALUATE}) as evaluation:
                verdict = await self._judge.judge(rubric, subject.to_values())
                attributes = _attributes(verdict, response_id, prompt)
                evaluation.add_event(semconv.EVALUATION, attributes)
                log.info(semconv.EVALUATION, **attributes)
        except UnreadableVerdict:
            JUDGE_FAILURES.labels(name, "unreadable").inc()
        except (BadResponse, Unavailable) as error:
            JUDGE_FAILURES.labels(name, "failed").inc()
            log.warning("judge_failed", rubric=name, error=type(error).__name__)
        except Exception:
            # No caller awaits this task, so an unexpected error would be lost.
            JUDGE_FAILURES.labels(name, "failed").inc()
            log.exception("judge_failed", rubric=name)
        else:
            JUDGE_VERDICTS.labels(name, verdict.label, str(prompt) if prompt else _NO_PROMPT).inc()
            JUDGE_SCORE.labels(name).observe(verdict.score)


@asynccontextmanager
async def open_live_judge(
    judge: Judge,
    rubrics: Sequence[PromptTemplate],
    settings: JudgeSettings,
    calibrations: Calibrations,
    prompts: Sequence[PromptVersion],
) -> AsyncIterator[LiveJudge]:
    """Open the live judge, and report its calibration in metrics and log."""
    if settings.sample:
        for rubric in rubrics:
            _report_calibration(judge, rubric.version, calibrations)
    live = LiveJudge(judge, rubrics, sample=settings.sample, concurrency=settings.concurrency, prompts=prompts)
    try:
        yield live
    finally:
        await live.close()


def _report_calibration(judge: Judge, rubric: PromptVersion, calibrations: Calibrations) -> None:
    agreements = calibrations.of(judge.name, rubric)
    for agreement in agreements:
        JUDGE_KAPPA.labels(str(rubric), agreement.data).set(agreement.kappa)
        log.info("judge_calibration", judge=judge.name, rubric=str(rubric), agreement=str(agreement))
    if not agreements:
        log.warning("judge_not_calibrated", judge=judge.name, rubric=str(rubric))


def _attributes(verdict: Verdict, response_id: str, prompt: PromptVersion | None) -> dict[str, str | float]:
    """Return the attributes of OpenTelemetry's conventions, without the reason, which may quote the answer."""
    attributes: dict[str, str | float] = {
        semconv.EVALUATION_NAME: verdict.rubric.name,
        semconv.EVALUATION_SCORE: verdict.score,
        semconv.EVALUATION_LABEL: verdict.label,
        semconv.RESPONSE_ID: response_id,
    }
    if prompt:
        attributes |= {semconv.PROMPT_NAME: prompt.name, semconv.PROMPT_VERSION: prompt.version}
    return attributes
