"""The names of all `RAG_…` variables, and sentences about names and values that are wrong."""

import difflib
import json
import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, get_args

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from rag.errors import Misconfigured

PREFIX = "RAG_"
DELIMITER = "__"
ENV_FILE = ".env"
# Windows editors begin a file with a byte order mark, which would become a part of the first name.
ENV_FILE_ENCODING = "utf-8-sig"
NAMES_FILE = Path(__file__).with_name("variables.txt")
"""Names of all variables of service and ingest. Both read the same `.env`, so each must know those of the other."""

# The library would report a line that it cannot read at each reading, before the format of the log is known. The
# sentences of this module name the line.
logging.getLogger("dotenv").setLevel(logging.ERROR)

# A certificate or a text in the wrong variable must not fill the screen.
_MAX_SHOWN = 100
_EXPECTATIONS = {
    "bool_parsing": "true or false",
    "dict_type": "a JSON object",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a smaller number",
    "json_invalid": "a JSON object",
    "json_type": "a JSON object",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:g}",
    "literal_error": "{expected}",
    "string_pattern_mismatch": "a text that matches {pattern}",
    "string_too_long": "a text of at most {max_length} characters",
    "string_too_short": "a text of at least {min_length} characters",
    "union_tag_invalid": "{expected_tags}",
    "url_parsing": "a URL with a valid host and port",
    "url_scheme": "a URL with the scheme {expected_schemes}",
}
"""What a value must be, by the type of pydantic's error. The library's own sentences address programmers."""


def variables_of(model: type[BaseModel], prefix: str = PREFIX) -> Iterator[tuple[str, FieldInfo]]:
    """Yield name and field of each variable of a settings class."""
    for name, field in model.model_fields.items():
        parts = models_of(field)
        for part in parts:
            yield from variables_of(part, f"{prefix}{name.upper()}{DELIMITER}")
        if not parts:
            yield f"{prefix}{name.upper()}", field


def models_of(field: FieldInfo) -> list[type[BaseModel]]:
    """Return the settings classes that a field may have, or none for a plain value."""
    models, annotations = [], [field.annotation]
    while annotations:
        annotation: Any = annotations.pop(0)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            models.append(annotation)
        else:
            annotations = [part for part in get_args(annotation) if not isinstance(part, str)] + annotations
    return models


def kinds_of(field: FieldInfo) -> list[str]:
    """Return the values of `kind` that choose between the settings classes of a field."""
    fields = [model.model_fields["kind"] for model in models_of(field) if "kind" in model.model_fields]
    return [get_args(kind.annotation)[0] for kind in fields]


def find_faults(settings: type[BaseModel]) -> Iterator[str]:
    """Yield a sentence for each `RAG_…` name in the environment and in `.env` that does not name a setting."""
    yield from _unreadable_lines()
    known = {name for name, _ in variables_of(settings)} | _known_names()
    groups = {name.rpartition(DELIMITER)[0] for name in known if DELIMITER in name}
    for name, (value, place) in _given().items():
        if name in groups:
            if not _is_json_object(value):
                yield f"{name}{place} is a group of settings. {_advice(settings, name, value, known)}"
        elif name not in known:
            yield f"{name}{place} is not a setting. The nearest one is {nearest(name, known)}."


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that is most similar. Single and double underscores count as equal."""
    squeezed = {_squeeze(it): it for it in sorted(known)}
    return squeezed[difflib.get_close_matches(_squeeze(name), squeezed, n=1, cutoff=0)[0]]


def describe(fault: ErrorDetails, settings: type[BaseModel]) -> str:
    """Return a sentence about an invalid value. It shows the value unless that may be a secret."""
    group, name, kind = _place_of(fault["loc"], settings)
    variable = f"{group}{DELIMITER}{name}" if group else f"{PREFIX}{name}"
    context = fault.get("ctx", {})
    match fault["type"]:
        case "missing":
            return f"{variable} is missing: {f'{group}{DELIMITER}KIND={kind} needs it' if kind else 'it is required'}."
        case "extra_forbidden":
            used_by = _kinds_with(name.lower(), group, settings)
            advice = f"Set {group}{DELIMITER}KIND={' or '.join(used_by)}, or unset it" if used_by else "Unset it"
            if not kind:  # A field of a group that was given as JSON. Other unknown names are found before.
                return f"{variable} is not a setting. {advice}."
            return f"{variable} is not used by {group}{DELIMITER}KIND={kind}. {advice}."
        case "value_error":  # A validator of this project, which writes its own sentence.
            return f"{variable}: {_in_one_line(str(context['error'])).rstrip('.')}."
        case "union_tag_invalid":
            return _mismatch(f"{variable}{DELIMITER}KIND", _shown(context["tag"]), fault["type"], context)
        case _:
            shown = "…" if _is_secret(variable, settings) else _shown(fault["input"])
            return _mismatch(variable, shown, fault["type"], context)


def _given() -> dict[str, tuple[str, str]]:
    """Return value and place of each `RAG_…` variable by its name in capitals. The environment comes before `.env`."""
    in_file = dotenv_values(ENV_FILE, encoding=ENV_FILE_ENCODING) if Path(ENV_FILE).is_file() else {}
    given = {name.upper(): (value or "", f" in {ENV_FILE}") for name, value in in_file.items()}
    given |= {name.upper(): (value, "") for name, value in os.environ.items()}
    # Empty variables count as unset, because compose files pass on variables that may be unset.
    return {name: it for name, it in given.items() if name.startswith(PREFIX) and it[0]}


def _unreadable_lines() -> Iterator[str]:
    """Yield a sentence for each line of `.env` about this program that is not NAME=value, or raise `Misconfigured`."""
    path = Path(ENV_FILE)
    if path.is_dir():
        raise Misconfigured(f"{path.absolute()} is a folder, but must be a file with lines NAME=value. Remove it.")
    if not path.is_file():
        return
    try:
        with path.open(encoding=ENV_FILE_ENCODING) as file:
            bindings = list(parse_stream(file))
    except UnicodeDecodeError as error:
        raise Misconfigured(f"{path.absolute()} is not UTF-8: {error.reason}. Save it with this encoding.") from error
    for binding in bindings:
        text = binding.original.string.strip()
        is_broken = binding.error or (binding.key and binding.value is None)
        if is_broken and text.upper().removeprefix("EXPORT ").startswith(PREFIX):
            yield f"Line {binding.original.line} of {ENV_FILE} does not have the form NAME=value."


@cache
def _known_names() -> frozenset[str]:
    return frozenset(NAMES_FILE.read_text(encoding="utf-8").split())


def _advice(settings: type[BaseModel], name: str, value: str, known: set[str]) -> str:
    field = settings.model_fields.get(name.removeprefix(PREFIX).lower())
    if f"{name}{DELIMITER}KIND" in known:
        kinds = kinds_of(field) if field else []
        if value in kinds:
            return f"Set {name}{DELIMITER}KIND={value}."
        return f"Set {name}{DELIMITER}KIND{' to ' + ' or '.join(kinds) if kinds else ''}."
    return f"Set one of them, such as {min(it for it in known if it.startswith(f'{name}{DELIMITER}'))}."


def _is_json_object(value: str) -> bool:
    try:
        return isinstance(json.loads(value), dict)
    except ValueError:
        return False


def _squeeze(name: str) -> str:
    return re.sub("_+", "_", name.removeprefix(PREFIX)).strip("_")


def _place_of(location: Sequence[int | str], settings: type[BaseModel]) -> tuple[str, str, str]:
    """Return the group of an error's location, the rest of the variable's name, and the kind of the group."""
    path, kind = [part for part in location if isinstance(part, str)], ""
    field = settings.model_fields.get(path[0])
    if field and len(path) > 1 and path[1] in kinds_of(field):
        kind = path.pop(1)
    *groups, name = (part.upper() for part in path)
    return PREFIX + DELIMITER.join(groups) if groups else "", name, kind


def _kinds_with(name: str, group: str, settings: type[BaseModel]) -> list[str]:
    field = settings.model_fields[group.removeprefix(PREFIX).lower()]
    return [kind for kind, model in zip(kinds_of(field), models_of(field), strict=False) if name in model.model_fields]


def _mismatch(variable: str, value: str, error_type: str, context: Mapping[str, Any]) -> str:
    expectation = _EXPECTATIONS.get(error_type)
    if expectation is None:
        return f"{variable} is {value}, which is not valid."
    expected = expectation.format(**{name: _unquoted(it) for name, it in context.items()})
    return f"{variable} is {value}, but must be {expected}."


def _unquoted(value: object) -> object:
    """Return pydantic's lists of names, such as "'edge', 'server'", without their quotes."""
    return value.replace("', '", " or ").replace("'", "") if isinstance(value, str) else value


def _is_secret(variable: str, settings: type[BaseModel]) -> bool:
    fields = [field for name, field in variables_of(settings) if name == variable]
    return any(SecretStr in {field.annotation, *get_args(field.annotation)} for field in fields)


def _shown(value: object) -> str:
    """Return a value in one line, without the password that a URL may have."""
    return re.sub(r".*@", "…@", _in_one_line(str(value)))[:_MAX_SHOWN]


def _in_one_line(text: str) -> str:
    """Escape the characters that would break a line or control a terminal."""
    return "".join(it if it.isprintable() else ascii(it)[1:-1] for it in text)
