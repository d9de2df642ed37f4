"""The settings of the offline path."""

from pydantic import Field

from rag.settings import KernelSettings, Part


class ParsingSettings(Part):
    """The processes that parse, and what one document may cost."""

    processes: int = Field(2, ge=1, description="Documents parsed at once, each in a process of its own.")
    seconds: float = Field(60.0, gt=0, description="A document that takes longer to parse is rejected.")
    memory_mib: int = Field(1024, ge=64, description="A document that needs more memory to parse is rejected.")


class ChunkingSettings(Part):
    """How documents are cut."""

    target_tokens: int = Field(
        254, ge=32, description="Longest passage, headings included; never more than the embedder reads."
    )

    @property
    def recipe(self) -> str:
        """Goes into a document's version: another one takes it in anew."""
        return str(self.target_tokens)


class SourceSettings(Part):
    """What sources may reach, and how politely."""

    allow_private: bool = Field(False, description="Fetch from private, loopback and link-local addresses too.")
    user_agent: str = Field("groundwork", min_length=1, description="Our name to web servers and in `robots.txt`.")
    timeout: float = Field(120.0, gt=0, description="Seconds for one answer of a web server, to its last byte.")
    concurrency: int = Field(16, ge=1, description="Fetches at once.")
    per_host: int = Field(4, ge=1, description="Fetches at once from one host.")
    delay: float = Field(0.0, ge=0, description="Least seconds between two fetches from one host.")
    max_delay: float = Field(10.0, ge=0, description="The most seconds that a `Crawl-delay` or `Retry-After` counts.")
    max_pages: int = Field(10_000, ge=1, description="Pages that a crawl asks for, or that a sitemap may name.")
    max_depth: int = Field(10, ge=0, description="Links that a crawl follows from its start to a page.")
    trust_lastmod: bool = Field(True, description="A page whose `lastmod` in the sitemap stayed is not asked for.")


class Settings(KernelSettings):
    """What `python -m ingest` reads."""

    parsing: ParsingSettings = Field(ParsingSettings(), description="Parsing in processes of its own.")
    chunking: ChunkingSettings = Field(
        ChunkingSettings(), description="Passages; documents are taken in anew when it changes."
    )
    sources: SourceSettings = Field(SourceSettings(), description="Files, object stores and the web.")
    worker_host: str = Field("127.0.0.1", description="Address of the worker's `/livez` and `/metrics`.")
    worker_port: int = Field(8001, ge=0, le=65535, description="Port of the worker's `/metrics`; 0: none.")
    worker_idle_seconds: float = Field(10.0, gt=0, description="A worker without work lets its model go after this.")
    worker_attempts: int = Field(8, ge=1, description="How often an entry is tried before it is a dead letter.")
    worker_drain_seconds: float = Field(20.0, ge=0, description="Time that documents under way get when it stops.")
