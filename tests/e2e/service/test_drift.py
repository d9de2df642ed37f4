"""The running service compares its questions with a reference that was made from a file."""

import json
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.programs import evals, service

PARTS = ("impeller", "seal", "inlet valve", "pressure gauge", "motor", "oil level", "controller", "history")
ASKED = [
    f"{asking} the {part} of the Kestrel pump?"
    for part in PARTS
    for asking in ("What is", "How do I check", "When to replace")
]
STRANGE = [f"How do I cook {dish}?" for dish in ("rice", "lentils", "beans", "pasta", "fish", "eggs", "soup", "stew")]


def write(path: Path, questions: list[str]) -> Path:
    path.write_text("".join(json.dumps({"question": question}) + "\n" for question in questions))
    return path


def run(data_dir: Path, *command: str) -> str:
    """Return the output of a command of `python -m evals`."""
    done = evals(*command, data_dir=data_dir, RAG_GENERATOR__KIND="none")
    assert done.returncode == 0, done.stderr
    return done.stdout


def samples(text: str) -> dict[tuple[str, str, str], float]:
    return {
        (sample.name, sample.labels["feature"], sample.labels["bin"]): sample.value
        for family in text_string_to_metric_families(text)
        if family.name.startswith("rag_drift")
        for sample in family.samples
        if "bin" in sample.labels and not sample.name.endswith("_created")
    }


def test_questions_are_counted_stored_and_compared_with_the_reference(ingested, handbook):
    filled = ingested(handbook)
    assert "24 questions" in run(filled, "reference", str(write(filled / "questions.jsonl", ASKED)))
    settings = {"RAG_GENERATOR__KIND": "none", "RAG_WORKER": "none"}
    with service(filled, RAG_DRIFT__WINDOW="100", **settings) as running:
        fresh = samples(running.http.get("/metrics").text)
        assert {value for (name, *_), value in fresh.items() if name == "rag_drift_observations_total"} == {0}
        for question in (STRANGE * 3)[:22]:
            assert running.ask(question, mode="quote").status_code == 200
        found = samples(running.http.get("/metrics").text)
    features = {feature for _, feature, _ in found}
    assert features >= {"projection_1", "projection_4", "nearest_questions", "similarity", "unknown_words", "declined"}
    for feature in features:
        shares = [
            value for (name, of, _), value in found.items() if (name, of) == ("rag_drift_reference_ratio", feature)
        ]
        assert sum(shares) == pytest.approx(1)
    counts = {
        number: value
        for (name, of, number), value in found.items()
        if (name, of) == ("rag_drift_observations_total", "nearest_questions")
    }
    # No question of the reference is similar, so all fall into the first bin.
    assert counts["0"] == sum(counts.values()) == 22
    drift = filled / "drift"
    report = filled / "drift.json"
    said = run(filled, "drift", str(drift / "reference.npz"), str(drift / "windows"), "--json", str(report))
    result = json.loads(report.read_text())
    assert set(result) == {"drifted", "auc", "auc_interval", "mmd", "p_value", "psi"}
    assert result["drifted"] is True
    assert result["psi"] > 0.2
    assert "have no near passage" in said
    assert (filled / "drift.svg").stat().st_size > 1000
