"""The settings of the offline path."""

from pydantic import Field

from rag.settings import KernelSettings


class Settings(KernelSettings):
    """What `python -m ingest` reads."""

    worker_port: int = Field(8001, ge=0, le=65535, description="Loopback port of the worker's `/metrics`; 0: none.")
    worker_idle_seconds: float = Field(10.0, gt=0, description="A worker without work lets its model go after this.")
