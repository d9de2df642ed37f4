"""Settings of the service that are lists, paths and addresses."""

import pytest
from pydantic import ValidationError

from service.settings import Settings


@pytest.mark.parametrize(
    ("value", "prefix"),
    [("", ""), ("/", ""), ("groundwork", "/groundwork"), ("/groundwork/", "/groundwork"), ("/a/b-c.d", "/a/b-c.d")],
)
def test_a_path_prefix_may_be_written_in_any_form(value, prefix):
    assert Settings(root_path=value).root_path == prefix


@pytest.mark.parametrize("value", ["https://example.org/rag", "/a b", "/rag?x=1", "/ä", "/..%2f"])
def test_a_prefix_that_is_not_a_path_is_rejected(value):
    with pytest.raises(ValidationError):
        Settings(root_path=value)


@pytest.mark.parametrize("value", ["/v1", "/v1/rag", "/docs", "/page/", "metrics"])
def test_a_prefix_that_is_a_path_of_the_service_is_refused(value):
    with pytest.raises(ValidationError, match="path of the service itself"):
        Settings(root_path=value)


@pytest.mark.parametrize("value", ["a.example, *.B.example", "a.example *.b.example", '["a.example", "*.b.example"]'])
def test_host_names_are_separated_by_commas_or_given_as_json(monkeypatch, value):
    monkeypatch.setenv("RAG_ALLOWED_HOSTS", value)
    assert Settings().allowed_hosts == ("a.example", "*.b.example")


@pytest.mark.parametrize("value", ["https://a.example", "a.example:8000", "a.example/rag", "a*.example"])
def test_what_is_not_a_host_name_is_refused(monkeypatch, value):
    monkeypatch.setenv("RAG_ALLOWED_HOSTS", value)
    with pytest.raises(ValidationError, match="is not a host name"):
        Settings()


@pytest.mark.parametrize(
    ("value", "origins"),
    [
        ("https://A.example/", ("https://a.example",)),
        ("http://localhost:5173,https://b.example", ("http://localhost:5173", "https://b.example")),
        ("*", ("*",)),
    ],
)
def test_origins_are_compared_as_browsers_send_them(monkeypatch, value, origins):
    monkeypatch.setenv("RAG_CORS_ORIGINS", value)
    assert Settings().cors_origins == origins


@pytest.mark.parametrize(
    "value", ["a.example", "https://a.example/page", "https://*.example", "https://user@a.example"]
)
def test_what_is_not_an_origin_is_refused(monkeypatch, value):
    monkeypatch.setenv("RAG_CORS_ORIGINS", value)
    with pytest.raises(ValidationError, match="is not an origin"):
        Settings()
