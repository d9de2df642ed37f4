"""Settings from the environment, and the errors for invalid ones."""

import os
import re
from pathlib import Path

import pytest

from ingest.settings import Settings as IngestSettings
from rag.errors import Misconfigured
from rag.settings import EdgeStoreSettings, LocalEmbedderSettings, ServerStoreSettings, read_settings
from rag.variables import variables_of
from service.settings import Settings

SERVER = {"RAG_STORE__KIND": "server"}


@pytest.fixture
def given(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # The .env of the developer must not be read.

    def give(program=Settings, **variables: str):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return read_settings(program)

    return give


def test_the_defaults_are_the_embedded_parts(given):
    settings = given()
    assert (settings.store, settings.embedder) == (EdgeStoreSettings(), LocalEmbedderSettings())


def test_an_alternative_is_chosen_by_its_kind(given):
    settings = given(RAG_STORE__KIND="server", RAG_STORE__URL="http://qdrant:6333", RAG_STORE__TIMEOUT="7")
    assert isinstance(settings.store, ServerStoreSettings)
    assert settings.store.timeout == 7


def test_a_server_behind_a_path_is_called_by_rest(given):
    url = "https://search.example/qdrant"
    store = given(RAG_STORE__KIND="server", RAG_STORE__URL=url, RAG_STORE__TRANSPORT="rest").store
    assert isinstance(store, ServerStoreSettings)
    assert (str(store.url), store.url.port) == (url, 443)


def test_extra_fields_of_a_request_are_a_json_object(given):
    extra = '{"temperature": null, "nested": {"top_k": 5}}'
    assert given(RAG_JUDGE__EXTRA=extra).judge.extra == {"temperature": None, "nested": {"top_k": 5}}


def test_a_field_of_the_default_alternative_needs_no_kind(given):
    assert given(RAG_EMBEDDER__THREADS="2").embedder == LocalEmbedderSettings(threads=2)


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"RAG_STORE__KIND": "server"}, "RAG_STORE__URL is missing: RAG_STORE__KIND=server needs it."),
        ({"RAG_STORE__KIND": "servr"}, "RAG_STORE__KIND is servr, but must be edge or server."),
        (
            {"RAG_STORE__URL": "http://qdrant:6333"},
            "RAG_STORE__URL is not used by RAG_STORE__KIND=edge. Set RAG_STORE__KIND=server, or unset it.",
        ),
        (
            SERVER | {"RAG_STORE__URL": "https://search.example/qdrant"},
            "RAG_STORE__TRANSPORT: grpc cannot use the path /qdrant of RAG_STORE__URL. Remove the path, or set rest.",
        ),
        (
            SERVER | {"RAG_STORE__URL": "http://qdrant:6334"},
            "RAG_STORE__URL: Port 6334 is for gRPC and belongs in RAG_STORE__GRPC_PORT. "
            "Name the port of the REST interface, usually 6333.",
        ),
        (
            SERVER | {"RAG_STORE__URL": "http://me:secret@qdrant:6333"},
            "RAG_STORE__URL: It may have a host, a port and a path. Set a key in RAG_STORE__API_KEY.",
        ),
        (
            SERVER | {"RAG_STORE__URL": "http://qdrant:6333", "RAG_STORE__CA_FILE": "ca.pem"},
            "RAG_STORE__CA_FILE: It needs TLS. Set RAG_STORE__URL to an address that begins with https://.",
        ),
        *(
            (
                SERVER | {"RAG_STORE__URL": "http://qdrant:6333", "RAG_STORE__API_KEY": key},
                "RAG_STORE__API_KEY: It has a character that no HTTP header can carry, such as a line break, a "
                "space or a typographic quotation mark. Copy the key again.",
            )
            for key in ("se\ncret", "“secret”", "Bearer secret")
        ),
        (
            {
                "RAG_GENERATOR__KIND": "openai",
                "RAG_GENERATOR__URL": "http://user:password@models:8080/v1",
                "RAG_GENERATOR__MODEL": "m",
                "RAG_GENERATOR__API_KEY": "sk-1",
            },
            "RAG_GENERATOR__API_KEY: The URL has a user name already, and a request can send only one of the two. "
            "Remove the user name from the URL.",
        ),
        ({"RAG_HTTP": '{"reed": 1}'}, "RAG_HTTP__REED is not a setting. Unset it."),
        ({"RAG_PORT": "99999"}, "RAG_PORT is 99999, but must be at most 65535."),
        ({"RAG_PORT": "80.5"}, "RAG_PORT is 80.5, but must be a whole number."),
        ({"RAG_HTTP__READ": "0"}, "RAG_HTTP__READ is 0, but must be more than 0."),
        ({"RAG_HTTP__READ": "inf"}, "RAG_HTTP__READ is inf, but must be a finite number."),
        ({"RAG_RETRIEVAL__LIMIT": "many"}, "RAG_RETRIEVAL__LIMIT is many, but must be a whole number."),
        ({"RAG_TRACING__CONTENT": "perhaps"}, "RAG_TRACING__CONTENT is perhaps, but must be true or false."),
        ({"RAG_JUDGE__EXTRA": '{"top_k": '}, 'RAG_JUDGE__EXTRA is {"top_k": , but must be a JSON object.'),
        ({"RAG_JUDGE__EXTRA": "[5]"}, "RAG_JUDGE__EXTRA is [5], but must be a JSON object."),
        ({"RAG_LOG_FORMAT": "xml"}, "RAG_LOG_FORMAT is xml, but must be auto or console or json."),
        (
            {"RAG_JUDGE__URL": "judge:80"},
            "RAG_JUDGE__URL is judge:80, but must be a URL with the scheme http or https.",
        ),
        ({"RAG_DATA_DIR": "~unknown-user/data"}, "~unknown-user/data names the home folder of an unknown user."),
    ],
)
def test_a_wrong_value_gets_a_sentence_with_its_variable(given, variables, sentence):
    with pytest.raises(Misconfigured, match=re.escape(sentence)):
        given(**variables)


def test_no_sentence_of_the_validation_library_is_shown(given):
    names = {name for model in (Settings, IngestSettings) for name, field in variables_of(model) if "KIND" not in name}
    for name in names - {"RAG_DATA_DIR", "RAG_HOST"}:
        try:
            given(**{name: "\x1b[1m,"})
        except Misconfigured as error:
            assert "Input should" not in str(error)
            assert str(error).isprintable()
        del os.environ[name]


def test_a_password_in_an_invalid_url_is_not_shown(given):
    with pytest.raises(Misconfigured, match="RAG_INBOX__URL is …@inbox") as raised:
        given(RAG_INBOX__KIND="redis", RAG_INBOX__URL="rediss//user:hidden-value@inbox")
    assert "hidden-value" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("RAG_PROT", "RAG_PORT"),
        ("rag_prot", "RAG_PORT"),
        ("RAG_GENERATOR_KIND", "RAG_GENERATOR__KIND"),
        ("RAG_GENERATOR__API__KEY", "RAG_GENERATOR__API_KEY"),
        ("RAG_RETRIEVAL__LIMITS", "RAG_RETRIEVAL__LIMIT"),
        ("RAG_PARSING_SECONDS", "RAG_PARSING__SECONDS"),
        ("RAG_STORE__URL__HOST", "RAG_STORE__URL"),
    ],
)
@pytest.mark.parametrize("settings", [Settings, IngestSettings])
def test_an_unknown_name_is_an_error_that_tells_the_nearest_known_one(given, name, nearest, settings):
    with pytest.raises(Misconfigured, match=rf"{name.upper()} is not a setting. The nearest one is {nearest}\."):
        given(settings, **{name: "1"})


def test_each_program_accepts_the_names_of_the_other(given):
    assert given(RAG_PARSING__SECONDS="5", RAG_PORT="9000").port == 9000
    assert given(IngestSettings).parsing.seconds == 5


@pytest.mark.parametrize(
    ("variable", "value", "advice"),
    [
        ("RAG_STORE", "server", "Set RAG_STORE__KIND=server."),
        ("RAG_STORE", "qdrant", "Set RAG_STORE__KIND to edge or server."),
        ("RAG_STORE", "true", "Set RAG_STORE__KIND to edge or server."),
        ("RAG_STORE", '["edge"]', "Set RAG_STORE__KIND to edge or server."),
        ("RAG_PROMPT", "some text", "Set one of them, such as RAG_PROMPT__ALTERNATIVE."),
        ("RAG_PARSING", "2", "Set one of them, such as RAG_PARSING__MEMORY_MIB."),
    ],
)
def test_the_name_of_a_group_is_not_a_setting(given, variable, value, advice):
    with pytest.raises(Misconfigured, match=re.escape(f"{variable} is a group of settings. {advice}")):
        given(**{variable: value})


def test_a_group_may_be_given_as_json(given):
    assert given(RAG_RETRIEVAL='{"limit": 3}').retrieval.limit == 3


def test_an_empty_value_counts_as_unset(given):
    assert given(RAG_PORT="", RAG_TRACING__ENDPOINT="", RAG_STORE="").port == 8000


def test_an_env_file_of_another_editor_is_read(given, tmp_path):
    lines = [b"\xef\xbb\xbfRAG_PORT='9001'", b"export RAG_HOST=::1 # loopback", b"rag_log_level=debug", b"OTHER: 1"]
    (tmp_path / ".env").write_bytes(b"\r\n".join(lines))
    settings = given()
    assert (settings.port, settings.host, settings.log_level) == (9001, "::1", "debug")


@pytest.mark.parametrize("written", ["::1", "[::1]"])
def test_an_ipv6_address_to_listen_on_may_have_the_brackets_of_a_url(given, written):
    settings = given(RAG_HOST=written)
    assert (settings.host, settings.is_loopback) == ("::1", True)


def test_the_environment_comes_before_the_env_file(given, tmp_path):
    (tmp_path / ".env").write_text("RAG_PORT=9001\nRAG_DATA_DIR=elsewhere\n")
    settings = given(RAG_PORT="9002")
    assert (settings.port, settings.data_dir) == (9002, Path("elsewhere"))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"RAG_PROT=1\n", "RAG_PROT in .env is not a setting. The nearest one is RAG_PORT."),
        (b"# a comment\nRAG_PORT: 9000\n", "Line 2 of .env does not have the form NAME=value."),
        (b"export RAG_PORT\n", "Line 1 of .env does not have the form NAME=value."),
        (b"RAG_HOST='unclosed\n", "Line 1 of .env does not have the form NAME=value."),
        (b"RAG_HOST=\xff\n", "is not UTF-8"),
    ],
)
def test_a_mistake_in_the_env_file_is_reported_once_with_its_place(given, tmp_path, caplog, content, sentence):
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(Misconfigured, match=re.escape(sentence)):
        given()
    assert not caplog.records, "The library that reads the file says it too."


def test_a_folder_in_place_of_the_env_file_is_reported(given, tmp_path):
    (tmp_path / ".env").mkdir()
    with pytest.raises(Misconfigured, match="is a folder"):
        given()


def test_the_home_folder_in_a_path_is_expanded(given):
    assert given(RAG_DATA_DIR="~/data", HOME="/home/ada").data_dir == Path("/home/ada/data")


def test_secrets_are_not_printed(given):
    settings = given(RAG_STORE__KIND="server", RAG_STORE__URL="http://qdrant:6333", RAG_STORE__API_KEY="hidden-value")
    assert "hidden-value" not in repr(settings)
