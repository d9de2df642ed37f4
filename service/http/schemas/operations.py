"""Bodies of the probes."""

from typing import Any, Literal

from pydantic import BaseModel


class StatusResponse(BaseModel):
    """The result of a probe."""

    status: Literal["ok", "unavailable", "stopping"]
    detail: dict[str, Any] = {}
