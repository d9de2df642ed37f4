"""From a model server on this machine to an answer, and to an error that says what to do."""

import asyncio

from service.nearby_models import describe_models, find_model_servers
from tests.support.fakes.model_products import Ollama, serving
from tests.support.fakes.model_servers import ANSWER
from tests.support.fakes.servers import in_thread
from tests.support.programs import service


def test_the_announced_lines_let_the_found_model_answer_and_end_the_search_for_models(ingested, handbook):
    ollama = Ollama()
    with in_thread(serving(ollama)) as origin:
        servers = asyncio.run(find_model_servers([int(origin.rpartition(":")[2])], seconds=60))
        announced = describe_models(servers, {}).split()
        lines = dict(line.split("=", 1) for line in announced if line.startswith("RAG_"))
        # Without the lines, the service would announce the key.
        lines |= {"OPENAI_API_KEY": "sk-live-1234abcd", "RAG_WORKER": "none"}
        with service(ingested(handbook), **lines) as running:
            answer = running.ask("What does error E1234 mean?").json()
            assert (answer["mode"], answer["answer"]) == ("generate", ANSWER)

            ollama.models = ("llama3.2:latest",)
            refused = running.ask("What does error E1234 mean?")
            assert refused.status_code == 502
            assert refused.json()["detail"] == (
                "The model server does not have the model llama3.1:latest. It has llama3.2:latest. "
                "An operator must set RAG_GENERATOR__MODEL, or run `ollama pull llama3.1:latest`."
            )
            assert "request_failed" in running.log.read_text()
    # The service stops only after its start is complete, and the search is the last part of it.
    assert "models_found" not in running.log.read_text()
