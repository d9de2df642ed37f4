"""The settings of the offline path."""

from typing import Literal

from pydantic import AnyHttpUrl, Field, SecretStr

from rag.settings import KernelSettings, ListenAddress, Part

Language = Literal[
    "auto", "none", "ar", "da", "de", "el", "en", "es", "fi", "fr", "hu", "it", "nl", "no", "pt", "ro", "ru", "sv", "tr"
]
"""The language of documents: detected, none, or one of `rag.languages.STEMMED` (ISO 639-1)."""


class ParsingSettings(Part):
    """The parser processes and their limits."""

    processes: int = Field(2, ge=1)
    """Parser processes. Each parses one document at a time and needs its own memory."""
    seconds: float = Field(60.0, gt=0)
    """Time limit for one document, in seconds. A document that takes longer is rejected."""
    memory_mib: int = Field(1024, ge=64)
    """Memory limit for one document, in MiB, beyond what the parser process needs itself. A document that needs more is
    rejected.
    """


class ParserServiceSettings(Part):
    """An optional service with the HTTP API of docling-serve, which recognises text in scanned PDFs and images."""

    url: AnyHttpUrl | None = None
    """Base URL of the service, such as http://127.0.0.1:5001. Unset, pages without text stay unread and images are
    rejected. Once it is set, the next run ingests the documents with such pages again.
    """
    api_key: SecretStr | None = None
    """Key that the service requires, sent as `X-Api-Key`. Unset sends none."""
    timeout: float = Field(600.0, gt=0)
    """Seconds without data until a conversion fails. A higher value accepts longer documents; a failed conversion is
    tried again later.
    """
    concurrency: int = Field(2, ge=1)
    """Maximum number of concurrent conversions. A higher value needs a service with more processors."""


class ChunkingSettings(Part):
    """How documents are split into passages."""

    target_tokens: int = Field(254, ge=32)
    """Maximum length of a passage in tokens, with its headings. The embedder's maximum also applies."""

    def recipe(self, language: Language) -> str:
        """Return the part of a document's version that depends on these settings and on RAG_LANGUAGE."""
        return str(self.target_tokens) if language == "auto" else f"{self.target_tokens}.{language}"


class SourceSettings(Part):
    """Which addresses sources may fetch from, and how fast."""

    allow_private: bool = False
    """Also fetch from private, loopback and link-local addresses. false prevents SSRF."""
    user_agent: str = Field("groundwork", min_length=1)
    """Name that web servers see, and that rules of `robots.txt` match."""
    timeout: float = Field(120.0, gt=0)
    """Time limit for one response of a web server, in seconds."""
    concurrency: int = Field(16, ge=1)
    """Maximum number of concurrent fetches."""
    per_host: int = Field(4, ge=1)
    """Maximum number of concurrent fetches from one host."""
    delay: float = Field(0.0, ge=0)
    """Minimum time between two fetches from one host, in seconds. 0 disables the pause."""
    max_delay: float = Field(10.0, ge=0)
    """Upper limit for a server's own `Crawl-delay` or `Retry-After`, in seconds."""
    max_pages: int = Field(10_000, ge=1)
    """Maximum number of pages that one crawl fetches or one sitemap may list."""
    max_depth: int = Field(10, ge=0)
    """Maximum number of links from the start of a crawl to a page."""
    trust_lastmod: bool = True
    """Skip a page if its `lastmod` in the sitemap has not changed. false requests every page."""


class Settings(KernelSettings):
    """All settings of `python -m ingest`."""

    language: Language = "auto"
    """Language of the documents, for stemming and stop words of BM25. auto: detected for each document. none: words are
    found only in the form in which they are written.
    """

    parsing: ParsingSettings = ParsingSettings()
    """Parser processes."""
    parser_service: ParserServiceSettings = ParserServiceSettings()
    """Text recognition."""
    chunking: ChunkingSettings = ChunkingSettings()
    """Chunking. After a change the next run ingests every document again."""
    sources: SourceSettings = SourceSettings()
    """Files, object stores and the web."""
    worker_host: ListenAddress = "127.0.0.1"
    """Address on which the worker serves `/livez` and `/metrics`."""
    worker_port: int = Field(8001, ge=0, le=65535)
    """Port on which the worker serves `/livez` and `/metrics`. 0 disables both. A worker whose port is in use logs an
    error and works without them.
    """
    worker_attempts: int = Field(8, ge=1)
    """Attempts that may end with the worker's death before an entry becomes a dead letter. A failure of the store, the
    embedder or the inbox does not count: such an entry waits until that part works again.
    """
    worker_drain_seconds: float = Field(20.0, ge=0)
    """Time that a stopping worker gives to documents in progress, in seconds. Unfinished ones return to the inbox.
    A worker that the service started has one second.
    """
