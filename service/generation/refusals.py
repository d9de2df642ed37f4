"""What an operator must change when a model server does not know the configured model or address (ADR 70)."""

import asyncio
import difflib
import re
from collections.abc import Mapping, Sequence

import aiohttp

from rag.endpoints import endpoint_of
from rag.errors import AccessRefused, BadResponse, GroundworkError, RequestRejected
from rag.http import read_json
from rag.upstream import Upstream

# The client waits for the sentence, and a server that has just refused a request answers at once.
_SECONDS = 2.0
_SHOWN_MODELS = 5
_UNKNOWN_MODEL = re.compile(
    r"\bmodels?\b.{0,200}not (?:found|exist|available)|access (?:to )?(?:it|the model|model)\b|model_not_found"
    r"|(?:invalid|unknown|valid) model|not_found_error.{0,60}\bmodel: ",
    re.IGNORECASE | re.DOTALL,
)
_UNKNOWN_DEPLOYMENT = re.compile(r"DeploymentNotFound|deployment .{0,60}does not exist", re.IGNORECASE)
_NOTHING_LOADED = re.compile(r"no models? (?:is |are )?loaded", re.IGNORECASE)
_FILTERED = re.compile(r"content_filter|content management policy|ResponsibleAI|DataInspectionFailed|content_policy")
_TOO_LONG = re.compile(
    r"context[ _](?:length|window|size)|maximum (?:context|sequence)|(?:prompt|input).{0,40} too (?:long|large)"
    r"|inputs`? tokens \+ `?max_new_tokens|exceed_context",
    re.IGNORECASE,
)
_SHOWABLE = re.compile(r"[\w.:/@+-]{1,100}")


async def explain_refusal(
    error: BadResponse,
    session: aiohttp.ClientSession,
    *,
    base: str,
    model: str,
    headers: Mapping[str, str],
    settings: str,
) -> BadResponse:
    """Return an error that says which setting to change, or the same error if the server's words do not tell.

    `settings` is the group of the settings, such as RAG_GENERATOR.
    """
    said = error.upstream
    if _NOTHING_LOADED.search(said):
        return AccessRefused(
            f"The model server has not loaded a model. An operator must load {model} there.", upstream=said
        )
    if _UNKNOWN_DEPLOYMENT.search(said):
        # Azure lists the models that could be deployed, and not the deployments.
        return AccessRefused(
            "The model server has no deployment of this name. An operator must set the name of a deployment, not of a "
            f"model, in {settings}__MODEL, or in {settings}__URL if it ends with api-version.",
            upstream=said,
        )
    if _UNKNOWN_MODEL.search(said):
        names = await _list_models(session, base, headers)
        return AccessRefused(_to_sentence(model, names, said, settings), upstream=said)
    if isinstance(error, RequestRejected):
        return _explain_rejection(error)
    below = endpoint_of(base, "v1")
    if isinstance(error, AccessRefused) and below != base.rstrip("/") and await _list_models(session, below, headers):
        return AccessRefused(
            f"The model server does not serve the configured path. An operator must add /v1 to {settings}__URL.",
            upstream=said,
        )
    return error


def _explain_rejection(error: RequestRejected) -> RequestRejected:
    if _FILTERED.search(error.upstream):
        sentence = (
            "The content filter of the model server rejected the question or its passages. Rephrase the question."
        )
    elif _TOO_LONG.search(error.upstream):
        sentence = (
            "The question and its passages are longer than the model server allows. Ask with a lower limit of "
            "passages. An operator can lower RAG_RETRIEVAL__EXPAND_TO_TOKENS or RAG_ANSWERING__MAX_TOKENS, or raise "
            "the context of the model server."
        )
    else:
        return error
    return RequestRejected(sentence, upstream=error.upstream)


async def _list_models(session: aiohttp.ClientSession, base: str, headers: Mapping[str, str]) -> Sequence[str]:
    """Return the names that the server lists, or none if it does not list any in time."""
    try:
        async with (
            asyncio.timeout(_SECONDS),
            session.get(endpoint_of(base, "models"), headers=headers, allow_redirects=False) as response,
        ):
            body = await read_json(Upstream("model server"), response) if response.status == 200 else None
    except (TimeoutError, aiohttp.ClientError, GroundworkError):
        return []
    entries = body.get("data") if isinstance(body, dict) else None
    names = [entry.get("id") for entry in entries or [] if isinstance(entry, dict)]
    return [name for name in names if isinstance(name, str) and _SHOWABLE.fullmatch(name)]


def _to_sentence(model: str, names: Sequence[str], said: str, settings: str) -> str:
    nearest = difflib.get_close_matches(model, names, n=_SHOWN_MODELS, cutoff=0.4) or names[:_SHOWN_MODELS]
    others = " and others" if len(names) > len(nearest) else ""
    listed = f" It has {', '.join(nearest)}{others}." if names else ""
    pull = f", or run `ollama pull {model}`" if "pulling it" in said else ""
    return f"The model server does not have the model {model}.{listed} An operator must set {settings}__MODEL{pull}."
