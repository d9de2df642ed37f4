"""Back up a running installation and restore it in another place with the commands of `ingest`."""

from tests.e2e.service.test_search import search
from tests.support.commands import run_command
from tests.support.programs import Service, ingest, service

# Quotes need no generator, and loading it takes a second.
_SETTINGS = {"RAG_WORKER": "none", "RAG_GENERATOR__KIND": "none"}
_QUESTIONS = ("Which seals may be used?", "E1234", "Where was the pump designed?")


def test_a_restored_backup_of_a_running_installation_gives_the_same_answers(tmp_path, ingested, onnx_models, handbook):
    data_dir = ingested(handbook)
    # Without a worker the upload stays in the inbox, so the backup must contain it as queued.
    with service(data_dir, **_SETTINGS) as running:
        running.put("note.md", b"# Note\n\nThe crane of hall 9 lifts 11 tonnes.")
        before = answers(running)
        assert run_command("backup", str(tmp_path / "backup"), data_dir=data_dir)[0] == 0
    elsewhere = tmp_path / "elsewhere"
    restored = ingest("restore", str(tmp_path / "backup"), data_dir=elsewhere)
    assert "questions answered as before" in restored.stdout, restored.stderr
    (elsewhere / "models").symlink_to(onnx_models)
    with service(elsewhere, **_SETTINGS) as running:
        assert answers(running) == before
        assert running.http.get("/v1/documents/note.md").json()["state"] == "queued"


def answers(running: Service) -> list[tuple[str, list[dict]]]:
    return [
        (running.ask(question, mode="quote").json()["answer"], search(running, question)) for question in _QUESTIONS
    ]
