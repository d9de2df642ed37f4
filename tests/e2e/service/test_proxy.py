"""A real nginx in front of the service, configured as docs/deploy/proxy.md says, with API keys in force."""

import asyncio
import json
import re
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from aiohttp import web
from playwright.async_api import expect

from service.auth.keys import Keys
from service.settings import Settings
from tests.support.fakes.servers import in_thread, serve
from tests.support.page.browser import browser, open_page  # noqa: F401
from tests.support.programs import Service, service
from tests.support.prose import ROOT
from tests.support.servers.nginx_server import needs_nginx, nginx
from tests.support.servers.redis_server import free_port

pytestmark = needs_nginx

_HOST = "rag.example.org"
_SECONDS = 120
_PAGE_LINK = re.compile(r"""(?:href|src)="([^"#]+)\"""")


class HesitantModel:
    """A model server that writes its second word only after the client has received the first one."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(_piece("Oil"))
        await asyncio.to_thread(self.may_go_on.wait, _SECONDS)
        await response.write(_piece(" grade ISO 46 [1]."))
        await response.write(b"data: [DONE]\n\n")
        return response


@dataclass(frozen=True, kw_only=True)
class Front:
    """The ways into the service, and its key."""

    service: Service
    tls: str
    removing_prefix: str
    keeping_prefix: str
    model: HesitantModel
    certificate: Path
    key: str

    def client(self, base: str) -> httpx.Client:
        context = ssl.create_default_context(cafile=self.certificate)
        # The certificate is for the public name, and the test has only the address.
        context.check_hostname = False
        headers = {"Host": _HOST, "Authorization": f"Bearer {self.key}"}
        return httpx.Client(base_url=base, verify=context, headers=headers, timeout=_SECONDS)


@pytest.fixture(scope="module")
def front(tmp_path_factory, ingested, handbook) -> Iterator[Front]:
    data_dir, folder = ingested(handbook), tmp_path_factory.mktemp("front")
    key = Keys(Settings(data_dir=data_dir).keys_file).create(tenant="default", role="writer")
    certificate = create_certificate(folder)
    model = HesitantModel()
    with (
        in_thread(serve("/v1/chat/completions", model)) as model_url,
        service(
            data_dir,
            RAG_ROOT_PATH="/groundwork",
            RAG_ALLOWED_HOSTS=_HOST,
            RAG_WORKER="none",
            RAG_GENERATOR__KIND="openai",
            RAG_GENERATOR__URL=f"{model_url}/v1",
            RAG_GENERATOR__MODEL="hesitant",
            RAG_ANSWERING__MODE="generate",
        ) as running,
    ):
        own_name, removing, keeping = documented_blocks()[:3]
        ports = [free_port() for _ in range(3)]
        servers = [
            own_name.replace("443", f"127.0.0.1:{ports[0]}").replace("/etc/nginx/tls/rag.example.org", f"{folder}/tls"),
            f"server {{ listen 127.0.0.1:{ports[1]}; {removing} }}",
            f"server {{ listen 127.0.0.1:{ports[2]}; {keeping} }}",
        ]
        blocks = "\n".join(servers).replace("http://127.0.0.1:8000", running.url)
        with nginx(folder / "nginx", blocks, ports=ports):
            yield Front(
                service=running,
                tls=f"https://127.0.0.1:{ports[0]}",
                removing_prefix=f"http://127.0.0.1:{ports[1]}/groundwork",
                keeping_prefix=f"http://127.0.0.1:{ports[2]}/groundwork",
                model=model,
                certificate=certificate,
                key=key,
            )


@pytest.fixture(params=["tls", "removing_prefix", "keeping_prefix"])
def client(front, request) -> Iterator[httpx.Client]:
    with front.client(getattr(front, request.param)) as opened:
        yield opened


def documented_blocks() -> list[str]:
    return re.findall(r"```nginx\n(.*?)```", (ROOT / "docs" / "deploy" / "proxy.md").read_text(), re.DOTALL)


def create_certificate(folder: Path) -> Path:
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={_HOST}"]
    files = ["-keyout", f"{folder}/tls.key", "-out", f"{folder}/tls.crt"]
    subprocess.run([*command, *files], check=True, capture_output=True)
    return folder / "tls.crt"


def test_the_page_loads_with_all_its_files(client):
    page = client.get("/")
    assert page.status_code == 200
    links = _PAGE_LINK.findall(page.text)
    assert len(links) > 8
    for link in links:
        assert client.get(f"/{link}").status_code == 200, link


def test_the_docs_load_with_all_their_files_and_describe_the_prefix(client):
    docs = client.get("/docs")
    for link in [*_PAGE_LINK.findall(docs.text), "openapi.json"]:
        assert client.get(f"/{link}").status_code == 200, link
    assert client.get("/openapi.json").json()["servers"] == [{"url": "/groundwork"}]


def test_an_unknown_path_is_a_problem_that_names_the_docs(client):
    response = client.get("/v1/nothing")
    detail = "There is no such path. /groundwork/docs lists the paths of the API."
    assert (response.status_code, response.json()["detail"]) == (404, detail)


def test_the_prefix_without_a_slash_leads_to_the_page(front):
    for base in (front.removing_prefix, front.keeping_prefix):
        with front.client(base.removesuffix("/groundwork")) as http:
            response = http.get("/groundwork")
            assert response.is_redirect
            assert response.headers["location"].endswith("/groundwork/")


def test_head_is_answered_where_get_is(client):
    for path in ("/", "/docs", "/page/page.js", "/livez", "/readyz", "/metrics", "/openapi.json", "/v1/documents"):
        head = client.head(path)
        assert (head.status_code, head.content) == (200, b""), path
    assert client.head("/v1/answers").status_code == 405


def test_an_upload_larger_than_the_default_of_nginx_arrives(front):
    body = b"# Large\n\n" + b"Oil of grade ISO 46 is filled up. " * 60_000
    with front.client(front.tls) as http:
        response = http.put("/v1/documents/large.md", content=body, headers={"Content-Type": "text/markdown"})
    assert response.status_code == 202
    assert response.headers["location"] == "/groundwork/v1/documents/large.md"


def test_a_call_without_a_key_is_refused(front):
    with front.client(front.tls) as http:
        del http.headers["Authorization"]
        response = http.get("/v1/documents")
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"


def test_another_host_name_is_refused_with_a_problem_and_a_request_id(front):
    with front.client(front.tls) as http:
        response = http.get("/", headers={"Host": "evil.example"})
    assert (response.status_code, response.headers["content-type"]) == (400, "application/problem+json")
    assert response.json()["type"] == "urn:problem-type:unknown-host"
    # The service logs a request after it has sent the last byte.
    [line] = front.service.wait_for_lines(event="request", request_id=response.headers["x-request-id"])
    assert line["status"] == 400


def test_each_event_of_a_stream_arrives_at_once(front, client):
    front.model.may_go_on.clear()
    received = []
    body = {"question": "Which oil is filled up after error E1234?", "stream": True}
    with client.stream("POST", "/v1/answers", json=body) as response:
        assert response.status_code == 200
        for line in response.iter_lines():
            if line.startswith("event: "):
                received.append(line.removeprefix("event: "))
            if received[-1:] == ["token"]:
                # The model waits for this. If nginx kept the event back, both would wait until the test fails.
                front.model.may_go_on.set()
    assert received[0] == "sources"
    assert received[-1] == "done"


@pytest.mark.asyncio(loop_scope="package")
async def test_a_browser_shows_the_page_and_the_docs_under_the_prefix(front, browser):  # noqa: F811
    # `open_page` fails on requests outside of the prefix.
    async with open_page(browser, front.keeping_prefix) as page:
        await page.get_by_label("Key", exact=True).fill(front.key)
        await page.get_by_role("button", name="Use key").click()
        await expect(page.get_by_role("list", name="Documents")).to_contain_text("Pump handbook")
        await page.get_by_role("link", name="API").click()
        await expect(page.locator(".opblock").first).to_be_visible()


def _piece(text: str) -> bytes:
    return b"data: " + json.dumps({"choices": [{"delta": {"content": text}}]}).encode() + b"\n\n"
