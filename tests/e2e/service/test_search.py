"""Search over HTTP: results, scores and filters."""

from datetime import UTC, datetime, timedelta

RUNBOOK = b"# Pump runbook\n\nWhen the Heron pump trips, restart the controller and note error E7781 in the shift log."


def search(running, question: str, **wanted) -> list[dict]:
    response = running.http.post("/v1/search", json={"question": question, "filter": wanted, "limit": 10})
    assert response.status_code == 200, response.text
    return response.json()["results"]


def put_runbook(running, name: str, **metadata: str) -> None:
    pairs = {f"metadata.{key}": value for key, value in metadata.items()}
    body = RUNBOOK.replace(b"Heron", name.encode())
    response = running.http.put(
        f"/v1/documents/{name}.md", content=body, params=pairs, headers={"Content-Type": "text/markdown"}
    )
    assert response.status_code == 202
    running.wait_for_state(f"{name}.md", "ready")


def test_an_error_code_is_found_and_has_both_scores(running):
    first, *_ = search(running, "E1234")
    assert "E1234" in first["text"]
    assert first["bm25"] > 0
    assert 0 < first["score"] <= 1
    assert -1 <= first["similarity"] <= 1


def test_metadata_of_an_upload_is_returned_and_filters_searches(running):
    put_runbook(running, "Heron", team="ops", site="north")
    put_runbook(running, "Egret", team="dev")
    [found] = search(running, "Which pump trips?", metadata={"team": ["ops", "legal"], "site": ["north"]})
    assert (found["document_id"], found["metadata"]) == ("Heron.md", {"team": "ops", "site": "north"})
    assert running.http.get("/v1/documents/Egret.md").json()["metadata"] == {"team": "dev"}
    assert search(running, "Which pump trips?", metadata={"team": ["legal"]}) == []


def test_searches_are_filtered_by_uri_prefix_and_time(running):
    put_runbook(running, "Stork")
    assert {hit["uri"] for hit in search(running, "pump", uri_prefix=["upload:St"])} == {"upload:Stork.md"}
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert search(running, "pump", ingested_since=soon) == []
    assert search(running, "pump", ingested_before=soon) != []


def test_a_text_that_two_documents_share_is_found_once(running):
    for name in ("first-copy.md", "second-copy.md"):
        running.put(name, b"# Canteen\n\nOn Fridays the canteen of hall 9 serves barley soup with rye bread.")
        running.wait_for_state(name, "ready")
    found = search(running, "What does the canteen of hall 9 serve?")
    assert len([hit for hit in found if "barley soup" in hit["text"]]) == 1


def test_invalid_metadata_and_times_are_refused(running):
    refused = running.http.put(
        "/v1/documents/odd.md", content=b"text", params={"metadata.a b": "c"}, headers={"Content-Type": "text/markdown"}
    )
    assert refused.status_code == 400
    assert "metadata" in refused.json()["detail"]
    wrong = {"question": "x", "filter": {"ingested_since": "2024-05-01T00:00:00"}}
    assert running.http.post("/v1/search", json=wrong).status_code == 422
