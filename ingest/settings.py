"""The settings of the offline path."""

from pydantic import Field

from rag.settings import KernelSettings, Part


class ParsingSettings(Part):
    """The processes that parse, and what one document may cost."""

    processes: int = Field(2, ge=1, description="Documents parsed at once, each in a process of its own.")
    seconds: float = Field(60.0, gt=0, description="A document that takes longer to parse is rejected.")
    memory_mib: int = Field(1024, ge=64, description="A document that needs more memory to parse is rejected.")


class Settings(KernelSettings):
    """What `python -m ingest` reads."""

    parsing: ParsingSettings = Field(ParsingSettings(), description="Parsing in processes of its own.")
    worker_port: int = Field(8001, ge=0, le=65535, description="Loopback port of the worker's `/metrics`; 0: none.")
    worker_idle_seconds: float = Field(10.0, gt=0, description="A worker without work lets its model go after this.")
    worker_attempts: int = Field(8, ge=1, description="How often an entry is tried before it is a dead letter.")
    worker_drain_seconds: float = Field(20.0, ge=0, description="Time that documents under way get when it stops.")
