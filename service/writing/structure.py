"""Answers as JSON that follows a schema of the client."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jsonschema_rs

from rag.errors import BadResponse, InvalidInput
from service.generation.base import Finish
from service.writing.citations import CitationNormaliser

# Model servers turn a schema into a grammar. OpenAI has similar limits, and no form that people fill in is larger.
_MAX_CHARACTERS = 20_000
_MAX_DEPTH = 20
# llama.cpp repeats a rule this often in its grammar, which needs memory for each.
_MAX_REPETITIONS = 1_000
_REPETITIONS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
_ADVICE = "Ask again, simplify the schema, or use a model whose server supports structured output."
_INSTRUCTION = "Answer with JSON only. It must follow this JSON schema:"


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raise `InvalidInput` if the schema is not valid, refers to another document, or is too large."""
    for part in _parts(schema, depth=0):
        if any(isinstance(part.get(name), int | float) and part[name] > _MAX_REPETITIONS for name in _REPETITIONS):
            raise InvalidInput(f"A number in the JSON schema is above {_MAX_REPETITIONS:,}. Lower it, or leave it out.")
    if len(json.dumps(schema)) > _MAX_CHARACTERS:
        raise InvalidInput(f"The JSON schema is longer than {_MAX_CHARACTERS:,} characters. Send a smaller one.")
    try:
        _validator_of(schema)
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        reason = str(error).partition("\n")[0]
        raise InvalidInput(f"The JSON schema is not valid: {reason[:300]}. Correct it.") from error


def instruct(user: str, schema: Mapping[str, Any]) -> str:
    """Return the user's message with the schema, for models whose server does not enforce it."""
    return f"{user}\n\n{_INSTRUCTION} {json.dumps(schema, ensure_ascii=False)}"


def cited_numbers(text: str, schema: Mapping[str, Any], finish: Finish | None, *, passages: int) -> set[int]:
    """Return the numbers of the passages that the texts of the JSON cite.

    Raises `BadResponse` without the model's text if it is not complete JSON that follows the schema.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        if finish and finish.reason == "length":
            raise BadResponse(
                "The answer reached the limit of tokens before its JSON was complete. Ask for less, or raise "
                "max_tokens and RAG_ANSWERING__MAX_TOKENS."
            ) from error
        raise BadResponse(f"The model did not answer with JSON. {_ADVICE}") from error
    if fault := next(_validator_of(schema).iter_errors(document), None):
        place = "/".join(map(str, fault.schema_path))
        raise BadResponse(f"The answer of the model violates the JSON schema at {place}. {_ADVICE}")
    citations = CitationNormaliser(passages)
    for value in _texts(document):
        citations.push(f"{value}\n")
    citations.end()
    return citations.cited


def _validator_of(schema: Mapping[str, Any]) -> jsonschema_rs.Draft202012Validator:
    # A pattern of the client must not take more than linear time, and no reference may be fetched.
    return jsonschema_rs.Draft202012Validator(dict(schema), offline=True, pattern_options=jsonschema_rs.RegexOptions())


def _parts(schema: Any, *, depth: int) -> Iterator[Mapping[str, Any]]:
    if depth > _MAX_DEPTH:
        raise InvalidInput(f"The JSON schema is nested in more than {_MAX_DEPTH} levels. Send a flatter one.")
    if isinstance(schema, Mapping):
        yield schema
    for part in _children(schema):
        yield from _parts(part, depth=depth + 1)


def _texts(document: Any) -> Iterator[str]:
    if isinstance(document, str):
        yield document
    for part in _children(document):
        yield from _texts(part)


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list) else ()
