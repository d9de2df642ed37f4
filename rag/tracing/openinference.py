"""Translates spans to OpenInference's attributes, which tools such as Phoenix read.

The translation happens when a batch is sent, so traced code does not know about it.
"""

import json
from collections.abc import Mapping
from typing import Any

from rag.tracing import semconv

_KIND = "openinference.span.kind"
_KINDS = {
    semconv.WORKFLOWS: "CHAIN",
    semconv.EMBEDDINGS: "EMBEDDING",
    semconv.RETRIEVAL: "RETRIEVER",
    semconv.RERANK: "RERANKER",
    semconv.CHAT: "LLM",
    semconv.EVALUATE: "EVALUATOR",
}
_MODEL = {
    semconv.EMBEDDINGS: "embedding.model_name",
    semconv.RERANK: "reranker.model_name",
    semconv.CHAT: "llm.model_name",
}
_OF_MODELS = {
    semconv.PROVIDER: "llm.provider",
    semconv.INPUT_TOKENS: "llm.token_count.prompt",
    semconv.OUTPUT_TOKENS: "llm.token_count.completion",
    semconv.PROMPT_VERSION: "llm.prompt_template.version",
}
_INVOCATION = {semconv.REQUEST_MAX_TOKENS: "max_tokens", semconv.REQUEST_TEMPERATURE: "temperature"}

Flat = dict[str, Any]


def translate(attributes: Mapping[str, Any]) -> Flat:
    """Return the OpenInference attributes of a span. Content is translated only if the span has it."""
    operation = attributes.get(semconv.OPERATION, "")
    flat: Flat = {_KIND: _KINDS.get(operation, "CHAIN")}
    if (model := attributes.get(semconv.REQUEST_MODEL)) and operation in _MODEL:
        flat[_MODEL[operation]] = model
    match operation:
        case semconv.CHAT:
            flat |= _model_call(attributes)
        case semconv.RETRIEVAL:
            flat |= _documents("retrieval.documents", attributes.get(semconv.RETRIEVAL_DOCUMENTS))
        case semconv.RERANK:
            flat |= _documents("reranker.output_documents", attributes.get(semconv.RERANKED_DOCUMENTS))
            flat |= _renamed(attributes, {semconv.RETRIEVAL_TOP_K: "reranker.top_k"})
            flat |= _renamed(attributes, {semconv.RETRIEVAL_QUERY: "reranker.query"})
        case semconv.EMBEDDINGS:
            flat |= _renamed(attributes, {semconv.EMBEDDED_TEXT: "embedding.embeddings.0.embedding.text"})
    return flat | _ends(attributes)


def _model_call(attributes: Mapping[str, Any]) -> Flat:
    flat = _renamed(attributes, _OF_MODELS)
    flat["llm.system"] = attributes.get(semconv.PROVIDER, "")
    flat["llm.invocation_parameters"] = json.dumps(_renamed(attributes, _INVOCATION))
    if {semconv.INPUT_TOKENS, semconv.OUTPUT_TOKENS} <= attributes.keys():
        flat["llm.token_count.total"] = attributes[semconv.INPUT_TOKENS] + attributes[semconv.OUTPUT_TOKENS]
    if reasons := attributes.get(semconv.FINISH_REASONS):
        flat["llm.finish_reason"] = reasons[0]
    system = [("system", _joined(parts)) for parts in [_read(attributes, semconv.SYSTEM_INSTRUCTIONS)] if parts]
    flat |= _messages("llm.input_messages", system + _said(attributes, semconv.INPUT_MESSAGES))
    return flat | _messages("llm.output_messages", _said(attributes, semconv.OUTPUT_MESSAGES))


def _ends(attributes: Mapping[str, Any]) -> Flat:
    """Return input and output in one line each, as lists of traces show them."""
    flat: Flat = {}
    asked = _said(attributes, semconv.INPUT_MESSAGES)
    if question := asked[-1][1] if asked else attributes.get(semconv.RETRIEVAL_QUERY):
        flat |= {"input.value": question, "input.mime_type": "text/plain"}
    if answer := _said(attributes, semconv.OUTPUT_MESSAGES):
        flat |= {"output.value": answer[-1][1], "output.mime_type": "text/plain"}
    return flat


def _documents(prefix: str, found: str | None) -> Flat:
    return {
        f"{prefix}.{index}.document.{field}": value
        for index, document in enumerate(json.loads(found or "[]"))
        for field, value in document.items()
    }


def _messages(prefix: str, said: list[tuple[str, str]]) -> Flat:
    return {
        f"{prefix}.{index}.message.{field}": value
        for index, (role, content) in enumerate(said)
        for field, value in (("role", role), ("content", content))
    }


def _said(attributes: Mapping[str, Any], name: str) -> list[tuple[str, str]]:
    return [(message["role"], _joined(message["parts"])) for message in _read(attributes, name)]


def _read(attributes: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(attributes.get(name, "[]"))
    return found


def _joined(parts: list[dict[str, Any]]) -> str:
    return "\n".join(part["content"] for part in parts)


def _renamed(attributes: Mapping[str, Any], names: Mapping[str, str]) -> Flat:
    return {new: attributes[old] for old, new in names.items() if old in attributes}
