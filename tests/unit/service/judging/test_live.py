"""Judging of a sample of live answers."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest
from prometheus_client import REGISTRY
from pydantic import HttpUrl
from structlog.testing import capture_logs

from rag.errors import Misconfigured
from service.answering.drafts import Answer
from service.answering.events import Inquiry
from service.resources import open_resources
from service.settings import JudgeSettings, OpenAIGeneratorSettings, Settings
from tests.support.fakes.servers import JudgeServer, ModelServer, answering, serve, verdict
from tests.support.passages import PATIENT, QUESTION, SCOPE

_FOR_EVER = 3600
_PATIENT = PATIENT.model_copy(update={"read": _FOR_EVER})
LABELS = {"supported": "faithful", "about the question": "relevant", "state what the passages": "partly"}


def agreeable(*, gap: float = 0.0) -> JudgeServer:
    return JudgeServer(lambda asked: verdict(next(LABELS[part] for part in LABELS if part in asked[-80:])), gap=gap)


@asynccontextmanager
async def judged(data_dir, judge, **options):
    async with (
        serve("/v1/chat/completions", ModelServer(["In March 1932 [1]."])) as model_url,
        serve("/v1/chat/completions", judge) as judge_url,
    ):
        generator = OpenAIGeneratorSettings(kind="openai", url=HttpUrl(f"{model_url}/v1"), model="told")
        judging = JudgeSettings(**{"url": HttpUrl(f"{judge_url}/v1"), "model": "fake", "sample": 1} | options)
        settings = Settings(data_dir=data_dir, generator=generator, judge=judging, http=_PATIENT)
        async with open_resources(settings) as resources:
            yield resources.answerer


async def answer_from(answerer) -> Answer:
    *_, answer = [event async for event in answerer.answer(Inquiry(scope=SCOPE, question=QUESTION, limit=3))]
    return answer


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0


async def until(condition, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:  # noqa: ASYNC110 - a counter has no event
        await asyncio.sleep(0.02)
    assert condition()


@pytest.mark.slow
async def test_each_rubric_logs_an_event_with_conventional_names_and_without_content(filled):
    with capture_logs() as logs:
        async with judged(filled, agreeable()) as answerer:
            answer = await answer_from(answerer)
            await until(lambda: len([log for log in logs if log["event"] == "gen_ai.evaluation.result"]) == 3)
    events = [log for log in logs if log["event"] == "gen_ai.evaluation.result"]
    found = {event["gen_ai.evaluation.name"]: event for event in events}
    assert set(found) == {"faithfulness", "relevance", "completeness"}
    assert found["completeness"]["gen_ai.evaluation.score.value"] == 0.5
    assert found["completeness"]["gen_ai.evaluation.score.label"] == "partly"
    assert {event["gen_ai.response.id"] for event in events} == {answer.id}
    assert {event["gen_ai.prompt.version"] for event in events} == {answer.prompt.version}
    assert "Because" not in str(events)
    assert "1932" not in str(events)


@pytest.mark.slow
async def test_verdicts_are_counted_by_rubric_and_prompt_version(filled):
    labels = {"rubric": "faithfulness/v1", "verdict": "faithful", "prompt": "answer/v1"}
    before = counted("rag_judge_verdicts_total", **labels)
    async with judged(filled, agreeable()) as answerer:
        await answer_from(answerer)
        await until(lambda: counted("rag_judge_verdicts_total", **labels) == before + 1)


@pytest.mark.slow
async def test_an_answer_does_not_wait_for_its_judge(filled):
    judge = agreeable(gap=_FOR_EVER)
    async with judged(filled, judge) as answerer:
        async with asyncio.timeout(120):
            await answer_from(answerer)
        await until(lambda: judge.requests != [])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("judge", "reason"), [(answering(400, "no"), "failed"), (JudgeServer(lambda _: "Very good!"), "unreadable")]
)
async def test_a_failing_judge_is_counted_and_does_not_affect_the_answer(filled, judge, reason):
    before = counted("rag_judge_failures_total", rubric="relevance/v1", reason=reason)
    async with judged(filled, judge) as answerer:
        assert (await answer_from(answerer)).text == "In March 1932 [1]."
        await until(lambda: counted("rag_judge_failures_total", rubric="relevance/v1", reason=reason) == before + 1)


@pytest.mark.slow
async def test_judgements_beyond_the_queue_are_dropped_and_counted(filled):
    before = counted("rag_judge_dropped_total", reason="full")
    judge = agreeable(gap=_FOR_EVER)
    async with judged(filled, judge, concurrency=1) as answerer:
        for _ in range(40):
            await answer_from(answerer)
        await until(lambda: counted("rag_judge_dropped_total", reason="full") == before + 40 - 33)
        await until(lambda: judge.requests != [])
        assert len(judge.requests) == 1


@pytest.mark.slow
async def test_without_a_sample_the_judge_is_not_called(filled):
    judge = agreeable()
    async with judged(filled, judge, sample=0) as answerer:
        await answer_from(answerer)
        await asyncio.sleep(0.1)
    assert judge.requests == []


@pytest.mark.slow
async def test_a_judge_without_calibration_is_reported_at_the_start(filled):
    with capture_logs() as logs:
        async with judged(filled, agreeable()):
            pass
    assert {log["rubric"] for log in logs if log["event"] == "judge_not_calibrated"} == {
        "faithfulness/v1",
        "relevance/v1",
        "completeness/v1",
    }


@pytest.mark.slow
async def test_a_judge_url_without_a_model_is_rejected(filled):
    with pytest.raises(Misconfigured, match="RAG_JUDGE__MODEL"):
        async with judged(filled, agreeable(), model=None):
            pass
