"""Settings from the environment, and the errors for invalid ones."""

import pytest

from rag.errors import Misconfigured
from rag.settings import EdgeStoreSettings, LocalEmbedderSettings, ServerStoreSettings, read_settings
from service.settings import Settings


@pytest.fixture
def given(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # The .env of the developer must not be read.

    def give(**variables: str) -> Settings:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return read_settings(Settings)

    return give


def test_the_defaults_are_the_embedded_parts(given):
    settings = given()
    assert (settings.store, settings.embedder) == (EdgeStoreSettings(), LocalEmbedderSettings())


def test_an_alternative_is_chosen_by_its_kind(given):
    settings = given(RAG_STORE__KIND="server", RAG_STORE__URL="http://qdrant:6333", RAG_STORE__TIMEOUT="7")
    assert isinstance(settings.store, ServerStoreSettings)
    assert settings.store.timeout == 7


def test_a_field_of_the_default_alternative_needs_no_kind(given):
    assert given(RAG_EMBEDDER__THREADS="2").embedder == LocalEmbedderSettings(threads=2)


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"RAG_STORE__KIND": "server"}, "RAG_STORE__URL"),
        ({"RAG_STORE__KIND": "servr"}, "RAG_STORE"),
        ({"RAG_EMBEDDER__COLOUR": "red"}, "RAG_EMBEDDER__COLOUR"),
        ({"RAG_PORT": "99999"}, "RAG_PORT"),
        ({"RAG_RETRIEVAL__LIMIT": "many"}, "RAG_RETRIEVAL__LIMIT"),
    ],
)
def test_an_invalid_value_is_reported_with_its_variable(given, variables, named):
    with pytest.raises(Misconfigured, match=named):
        given(**variables)


def test_secrets_are_not_printed(given):
    settings = given(RAG_STORE__KIND="server", RAG_STORE__URL="http://qdrant:6333", RAG_STORE__API_KEY="hidden-value")
    assert "hidden-value" not in repr(settings)
