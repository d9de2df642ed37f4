"""Bodies of `/v1/models`: the modes of answering, as models of OpenAI's API."""

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import BaseModel

from rag.errors import NotFound
from service.settings import Mode, Settings
from service.writing.factory import available_modes, default_mode

OWNER = "groundwork"
"""Owner of the models, and the beginning of their names."""


class ModelOut(BaseModel):
    """A mode of answering, as a model."""

    id: str
    object: Literal["model"] = "model"
    created: Literal[0] = 0
    owned_by: Literal["groundwork"] = "groundwork"

    @classmethod
    def from_mode(cls, mode: Mode) -> Self:
        return cls(id=f"{OWNER}-{mode}")


class ModelListResponse(BaseModel):
    """The modes of answering, the configured one first."""

    object: Literal["list"] = "list"
    data: list[ModelOut]


def modes_of(settings: Settings) -> Sequence[Mode]:
    """Return the modes that this installation has, the configured one first."""
    default = default_mode(settings.answering, settings.generator)
    return sorted(available_modes(settings.generator), key=lambda mode: mode != default)


def to_mode(model: str, settings: Settings) -> Mode:
    """Return the mode of a model. Raises `NotFound` with the names that exist."""
    names = {ModelOut.from_mode(mode).id: mode for mode in modes_of(settings)}
    if mode := names.get(model):
        return mode
    raise NotFound(f"There is no model {model!r:.100}. Choose one of {', '.join(names)}.")
