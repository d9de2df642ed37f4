"""Web pages of other origins: only those in RAG_CORS_ORIGINS may call the API and read its responses."""

import pytest

from tests.unit.service.http.conftest import Served

ALLOWED = "https://intranet.example.org"
PREFLIGHT = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "Authorization, Content-Type"}


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"cors_origins": (ALLOWED,)})


async def test_an_allowed_page_may_send_its_key(served: Served):
    response = await served.http.options("/v1/documents/a.md", headers=PREFLIGHT | {"Origin": ALLOWED})
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == ALLOWED
    assert "authorization" in response.headers["access-control-allow-headers"].lower()
    assert "PUT" in response.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in response.headers


@pytest.mark.parametrize("path", ["/livez", "/v2/unknown"])
async def test_an_allowed_page_may_read_responses_and_errors_with_their_request_id(served: Served, path):
    response = await served.http.get(path, headers={"Origin": ALLOWED})
    assert response.headers["access-control-allow-origin"] == ALLOWED
    assert "X-Request-Id" in response.headers["access-control-expose-headers"]


@pytest.mark.parametrize("origin", ["https://evil.example", "http://intranet.example.org", "null"])
async def test_pages_of_other_origins_may_not_call_the_api(served: Served, origin):
    refused = await served.http.options("/v1/documents/a.md", headers=PREFLIGHT | {"Origin": origin})
    assert refused.status_code == 400
    assert "access-control-allow-origin" not in refused.headers
    assert "access-control-allow-origin" not in (await served.http.get("/livez", headers={"Origin": origin})).headers
