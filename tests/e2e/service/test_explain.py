"""Explanations of answers by the real service."""

import httpx


def explain(running, answer_id: str) -> httpx.Response:
    return httpx.get(f"{running.url}/v1/answers/{answer_id}/explain", timeout=60)


def test_an_explanation_of_a_quote_lists_its_candidates(running):
    answer = running.ask("What does error E1234 mean?").json()
    why = explain(running, answer["id"]).json()
    assert (why["question"], why["answer"]) == ("What does error E1234 mean?", answer["answer"])
    assert why["prompt"] is None
    assert why["min_confidence"] <= why["confidence"]
    assert why["unsure"] is answer["unsure"] is (why["confidence"] < why["sure_confidence"])
    assert why["nearness"] >= why["min_similarity"]
    [cited] = [found for found in why["candidates"] if found["cited"]]
    assert "E1234" in cited["text"]
    assert (cited["n"], cited["fate"]) == (answer["citations"][0]["n"], "taken")
    assert cited["bm25"] > 0 < cited["similarity"]
    assert why["timings"] == answer["timings"]
    assert why["versions"]["revision"].isdecimal()


def test_an_explanation_of_a_generated_answer_contains_the_prompt(running):
    *_, (_, _, done) = running.stream("What does error E1234 mean?", mode="generate")
    why = explain(running, done["id"]).json()
    assert "What does error E1234 mean?" in why["prompt"]["user"]
    counted = sum(part["tokens"] for part in why["prompt"]["parts"])
    assert abs(counted - why["usage"]["prompt_tokens"]) <= len(why["prompt"]["parts"])
    assert why["versions"]["prompt"] == done["prompt"]
    assert why["versions"]["model"] == done["model"]
    assert why["versions"]["embedder"]


def test_an_explanation_of_a_declined_answer_gives_the_similarity_of_the_nearest_passage(running):
    answer = running.ask("Who won the football world cup in 2014?").json()
    why = explain(running, answer["id"]).json()
    assert why["declined"]
    assert why["nearness"] < why["min_similarity"]
    assert not any(found["n"] or found["cited"] for found in why["candidates"])


def test_an_explanation_of_an_unknown_answer_is_not_found(running):
    response = explain(running, "0" * 32)
    assert response.status_code == 404
    assert "keeps its last 200 answers for 900 s" in response.json()["detail"]
