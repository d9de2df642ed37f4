"""Base class and shared types of settings."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator


class Part(BaseModel):
    """A frozen group of settings that rejects unknown names."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


def kind_or(default: str) -> Discriminator:
    """Return a discriminator on `kind`, which may be omitted for the default alternative."""

    def kind(value: Any) -> str:
        chosen: str = value.get("kind", default) if isinstance(value, dict) else value.kind
        return chosen

    return Discriminator(kind)


def _expand_home(path: Path) -> Path:
    """Expand `~`, which no shell has expanded in `.env`."""
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError(f"{path} names the home folder of an unknown user. Set an absolute path.") from error


ExpandedPath = Annotated[Path, AfterValidator(_expand_home)]
"""A path that may begin with `~`."""


def to_bare_address(text: str) -> str:
    """Remove the brackets of an IPv6 address, which URLs need and sockets do not take."""
    return text[1:-1] if text.startswith("[") and text.endswith("]") else text


ListenAddress = Annotated[str, AfterValidator(to_bare_address)]
"""An address of this machine, such as 127.0.0.1, ::1 or [::1]."""
