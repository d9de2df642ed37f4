"""Ask the real service: real embedder, real engine, real language model."""

import platform
import re

import pytest

from rag import __version__
from tests.support.servers.prometheus_server import metric_problems, needs_promtool
from tests.support.timing import probe_while_streaming
from tests.support.waiting import wait_until


def test_an_answer_cites_the_passage_that_holds_it(running):
    answer = running.ask("What does error E1234 mean?").json()
    assert "oil level is too low" in answer["answer"]
    [citation] = [found for found in answer["citations"] if "E1234" in found["text"]]
    assert f"[{citation['n']}]" in answer["answer"]
    assert citation["heading_path"][-1] == "Faults"
    assert citation["uri"].endswith("/handbook.md")
    assert citation["quote"] in citation["text"]


def test_every_sentence_of_an_answer_carries_a_citation(running):
    answer = running.ask("How often must the impeller be replaced?").json()
    sentences = [part for part in re.split(r"(?<=\])\s+", answer["answer"]) if part]
    assert sentences
    assert all(re.search(r"\[\d\]$", sentence) for sentence in sentences)


def test_a_stream_is_sources_then_tokens_then_done(running):
    events = list(running.stream("Who designed the Kestrel pump?"))
    kinds = [event for _, event, _ in events]
    assert kinds[0] == "sources"
    assert kinds[-1] == "done"
    assert set(kinds[1:-1]) == {"token"}
    text = "".join(data["text"] for _, event, data in events if event == "token")
    done = events[-1][2]
    assert done["answer"] == text.strip()
    assert "Rotterdam" in text


def test_a_models_tokens_arrive_one_by_one(running):
    def is_spread() -> bool:
        stream = running.stream("What does error E1234 mean?", mode="generate")
        times = [seconds for seconds, event, _ in stream if event == "token"]
        assert len(times) > 5
        return times[-1] - times[0] > 0.005 * len(times)

    # After a stall of the machine several tokens arrive together, so one of three streams must be spread out.
    assert any(is_spread() for _ in range(3))


# The first prompt is that of the previous test, which the model need not read again.
@pytest.mark.parametrize("mode", ["generate", "checked", "quote"])
def test_a_request_can_choose_each_answer_mode(running, mode):
    answer = running.ask("What does error E1234 mean?", mode=mode).json()
    assert answer["mode"] == mode
    assert answer["answer"]
    assert (answer["usage"]["completion_tokens"] is None) == (mode == "quote")


def test_timings_name_every_stage_and_add_up(running):
    between = []
    for _ in range(5):
        timings = running.ask("What does error E2001 mean?").json()["timings"]
        assert set(timings) == {"embed", "search", "quote", "first_token", "generate", "total"}
        between.append(2 * timings["total"] - sum(timings.values()))
    # The minimum, because a stall of the machine between two stages belongs to neither.
    assert 0 <= min(between) < 0.5


def test_a_question_that_the_documents_do_not_answer_is_declined_without_the_model(running):
    answer = running.ask("What is the capital of Mongolia?").json()
    assert answer["declined"]
    assert answer["citations"] == []
    assert "generate" not in answer["timings"]


def test_search_returns_the_best_passage_first(running):
    results = running.http.post("/v1/search", json={"question": "oil level", "limit": 2}).json()["results"]
    assert [result["n"] for result in results] == [1, 2]
    assert "oil" in results[0]["text"]


def test_a_filter_without_matches_returns_no_results(running):
    body = {"question": "oil level", "filter": {"document_id": ["another"]}}
    assert running.http.post("/v1/search", json=body).json()["results"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"question": ""}, "question"),
        ({"question": "   "}, "question"),
        ({"question": 5}, "question"),
        ({}, "question"),
        ({"question": "x" * 2001}, "question"),
        ({"question": "x", "stream": "yes"}, "stream"),
        ({"question": "x", "limit": 0}, "limit"),
        ({"question": "x", "colour": "red"}, "colour"),
        ({"question": "x", "filter": {"page": ["1"]}}, "filter.page: This field does not exist. /docs lists"),
    ],
)
def test_a_bad_question_is_a_problem_that_names_the_field(running, body, field):
    response = running.http.post("/v1/answers", json=body)
    assert response.status_code in {400, 422}
    assert response.headers["content-type"] == "application/problem+json"
    assert field in response.json()["detail"]


@pytest.mark.parametrize("body", [b'{"question": ', b"\xff\xfe", b"[]", b""])
def test_a_body_that_is_not_a_json_object_is_a_problem(running, body):
    response = running.http.post("/v1/answers", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"


def test_an_oversized_body_is_refused(running):
    response = running.http.post("/v1/answers", json={"question": "x" * 200_000})
    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"


def test_an_unknown_path_and_a_wrong_method_are_problems(running):
    unknown, wrong = running.http.get("/v1/nothing"), running.http.get("/v1/answers")
    assert [it.headers["content-type"] for it in (unknown, wrong)] == ["application/problem+json"] * 2
    assert unknown.json()["detail"] == "There is no such path. /docs lists the paths of the API."


def test_sixteen_streams_at_once_all_finish_and_the_service_stays_alive(running):
    health = probe_while_streaming(running, "What must be checked before the pump is started?")
    assert health.failed == 0
    # A stall of the machine makes one probe long. An event loop that the streams block makes all probes long.
    assert health.long_probe_share < 0.5, f"the slowest /livez took {health.slowest_probe:.1f} s"


def test_a_request_appears_in_the_metrics(running):
    running.ask("What does error E1234 mean?", mode="generate")
    metrics = running.http.get("/metrics").text
    for name in (
        'rag_requests_total{outcome="ok",route="/v1/answers"}',
        "rag_time_to_first_token_seconds_count",
        "rag_generator_time_to_first_token_seconds_count",
        'rag_stage_duration_seconds_count{stage="embed"}',
        'rag_gate_depth{gate="generator"}',
        'rag_requests_total{outcome="error",route="/v1/search"}',
        'rag_generations_total{outcome="ok"}',
        "rag_inter_token_latency_seconds_count",
        'rag_embed_duration_seconds_count{phase="tokenize"}',
        "rag_event_loop_lag_seconds_count",
        f'rag_build_info{{python="{platform.python_version()}",version="{__version__}"}}',
    ):
        assert re.search(rf"^{re.escape(name)} [\d.]+", metrics, re.MULTILINE), name
    # The request for the metrics itself does not count as in flight.
    wait_until(lambda: "\nrag_inflight_requests 0.0\n" in running.http.get("/metrics").text)


@needs_promtool
def test_promtool_accepts_the_metrics(running):
    running.ask("What does error E1234 mean?", mode="checked")
    assert metric_problems(running.http.get("/metrics").text) == []


def test_the_log_names_the_request_and_contains_none_of_its_content(running):
    response = running.http.post(
        "/v1/answers", json={"question": "Is the xylophone in Rotterdam?"}, headers={"X-Request-Id": "my-request-7"}
    )
    assert response.headers["x-request-id"] == "my-request-7"
    # The service logs a request after it has sent the last byte.
    wait_until(lambda: "my-request-7" in running.log.read_text())
    log = running.log.read_text()
    assert "xylophone" not in log
    assert "Rotterdam" not in log
