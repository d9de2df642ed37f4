"""Calls that are refused before their route: each is a problem with a request id, and leaves one line of a request."""

import json

import pytest

from service.http.error_shapes import MEDIA_TYPE
from service.http.problems import type_of
from tests.unit.service.http.conftest import Served

REFUSED = {
    "unknown host": ("GET", "/", {"Host": "evil.example"}, 400, "unknown_host"),
    "proxy without keys": ("GET", "/v1/documents", {"X-Forwarded-For": "203.0.113.7"}, 403, "key_required"),
    "page through a proxy without keys": ("GET", "/", {"Via": "1.1 proxy"}, 403, "key_required"),
    "foreign page without keys": ("PUT", "/v1/documents/a.md", {"Origin": "http://evil.example"}, 403, "key_required"),
    "unknown path": ("GET", "/v2/answers", {}, 404, "unknown_path"),
    "other method": ("PATCH", "/v1/documents/a.md", {}, 405, "method_not_allowed"),
    "a form instead of JSON": ("POST", "/v1/answers", {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
}


@pytest.mark.parametrize(("method", "path", "headers", "status", "code"), REFUSED.values(), ids=REFUSED)
async def test_a_refused_call_is_a_problem_and_one_line(served: Served, method, path, headers, status, code):
    response = await served.http.request(method, path, headers=headers, content=b"{}" if method == "POST" else None)
    problem = response.json()
    assert (response.status_code, response.headers["content-type"]) == (status, MEDIA_TYPE)
    assert (problem["type"], problem["status"]) == (type_of(code), status)
    [line] = await served.logged("request")
    assert line["request_id"] == problem["request_id"] == response.headers["x-request-id"]
    assert (line["method"], line["status"]) == (method, status)
    assert served.counted() == {"invalid": 1}


async def test_a_method_that_no_route_of_the_path_has_names_those_that_it_has(served: Served):
    response = await served.http.request("PATCH", "/v1/documents/a.md")
    assert response.headers["allow"] == "DELETE, GET, HEAD, PUT"


async def test_a_damaged_key_file_is_a_503_without_its_path(served: Served, settings):
    settings.keys_file.write_text(json.dumps([{"id": "x"}]))
    response = await served.http.get("/v1/documents")
    assert (response.status_code, response.json()["type"]) == (503, type_of("keys_unavailable"))
    assert "retry-after" in response.headers
    assert str(settings.data_dir) not in response.text
    [line] = await served.logged("keys_unavailable")
    assert str(settings.keys_file) in line["reason"]


async def test_head_has_the_headers_of_get_and_is_counted_for_its_route(served: Served):
    head = await served.http.head("/docs")
    [line] = await served.logged("request")
    assert (line["method"], line["route"], line["status"]) == ("HEAD", "/docs", 200)
    got = await served.http.get("/docs")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"] != "0"
    assert head.headers["content-security-policy"] == got.headers["content-security-policy"]
