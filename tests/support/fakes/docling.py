"""A stand-in of docling-serve: its route, its form and its responses, with texts that a test chooses."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.fakes.servers import serve

PATH = "/v1/convert/file"


@dataclass(slots=True)
class DoclingServer:
    """Answers each document with the Markdown of its pages, by page number."""

    pages: Mapping[int, str]
    key: str = ""
    failures: list[tuple[int, str]] = field(default_factory=list)
    """Statuses and texts of the next responses, before documents are converted."""
    status: str = "success"
    tells_pages: bool = True
    received: list[dict[str, Any]] = field(default_factory=list)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        file = form["files"]
        assert isinstance(file, web.FileField)
        options = {name: form.getall(name) for name in form if name != "files"}
        self.received.append({"name": file.filename, "type": file.content_type, "body": file.file.read(), **options})
        if self.key and request.headers.get("X-Api-Key") != self.key:
            return web.json_response({"detail": "The provided API Key is invalid."}, status=401)
        if self.failures:
            status, text = self.failures.pop(0)
            return web.json_response({"detail": text}, status=status)
        return web.json_response(self._result(str(form.get("md_page_break_placeholder", "")), file.filename))

    def _result(self, page_break: str, name: str) -> dict[str, Any]:
        texts = [{"text": text, "prov": [{"page_no": number}]} for number, text in self.pages.items()]
        document: dict[str, Any] = {"filename": name, "md_content": f"\n\n{page_break}\n\n".join(self.pages.values())}
        if self.tells_pages:
            document |= {"json_content": {"texts": texts, "pages": {}}}
        errors = [] if self.status == "success" else [{"error_message": "broken"}]
        return {"document": document, "status": self.status, "errors": errors, "processing_time": 0.1}


@asynccontextmanager
async def serve_docling(server: DoclingServer) -> AsyncIterator[str]:
    async with serve(PATH, server) as url:
        yield url
