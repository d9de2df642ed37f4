"""Base class and shared types of settings."""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, SecretStr, ValidationInfo, field_validator

_HEADER_VALUE = re.compile(r"[!-~]*")


class Part(BaseModel):
    """A frozen group of settings that rejects unknown names."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    @field_validator("api_key", "token", check_fields=False)
    @classmethod
    def _fits_into_a_header(cls, key: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if key and getattr(info.data.get("url"), "username", None):
            raise ValueError(
                "The URL has a user name already, and a request can send only one of the two. Remove the user name "
                "from the URL."
            )
        if key and not _HEADER_VALUE.fullmatch(key.get_secret_value().strip()):
            raise ValueError(
                "It has a character that no HTTP header can carry, such as a line break, a space or a typographic "
                "quotation mark. Copy the key again."
            )
        return key


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
