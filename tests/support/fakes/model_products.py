"""Stand-ins for the model servers that people run. Each enforces its product's rules and uses its words.

The rules come from the products' sources, documentation and issue trackers: paths, keys, known models, known fields,
and the status and text of each refusal.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar

from aiohttp import web

from tests.support.fakes.model_servers import PLAIN, event
from tests.support.fakes.servers import Handler, serve

KEY = "sk-stand-in-0123456789"

Said = tuple[int, Any]
"""Status and content of a response: a text, or an object that is sent as JSON."""


@dataclass
class Product:
    """A server of one product. `requests` has the bodies of accepted and refused completions."""

    models: Sequence[str]
    key: str | None = None
    requests: list[dict[str, Any]] = field(default_factory=list)
    owner: ClassVar[str]
    wrong_key: ClassVar[Said] = (401, {"error": "Unauthorized"})
    wrong_path: ClassVar[Said]
    open_paths: ClassVar[Sequence[str]] = ()
    """Paths that need no key."""

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if self.key not in (None, bearer(request)) and request.path not in self.open_paths:
            return respond(self.wrong_key)
        match request.method, request.path:
            case "GET", "/v1/models":
                return respond((200, self.list_models()))
            case "POST", "/v1/chat/completions":
                self.requests.append(body := await request.json())
                return respond(self.refuse(body) or (200, PLAIN))
            case _:
                return respond(self.wrong_path)

    def list_models(self) -> dict[str, Any]:
        models = [{"id": name, "object": "model", "created": 1, "owned_by": self.owner} for name in self.models]
        return {"object": "list", "data": models}

    def refuse(self, _: dict[str, Any]) -> Said | None:
        """Return what the product says about a completion that breaks one of its rules. Without rules: None."""
        return None


@dataclass
class Ollama(Product):
    """Takes any key, adds the tag latest to a name, and ignores unknown fields."""

    models: Sequence[str] = ("llama3.1:latest", "qwen3:8b", "nomic-embed-text:latest")
    owner = "library"
    wrong_path = (404, "404 page not found")

    def list_models(self) -> dict[str, Any]:
        return super().list_models() if self.models else {"object": "list", "data": None}

    def refuse(self, body: dict[str, Any]) -> Said | None:
        name = body["model"]
        if (name if ":" in name else f"{name}:latest") in self.models:
            return None
        return error(404, f'model "{name}" not found, try pulling it first', "not_found_error")


@dataclass
class VLLM(Product):
    """Checks the limit of tokens against the context, and ignores unknown fields."""

    models: Sequence[str] = ("Qwen/Qwen3-8B",)
    owner = "vllm"
    wrong_path = (404, {"detail": "Not Found"})
    context = 4096

    def refuse(self, body: dict[str, Any]) -> Said | None:
        if body["model"] not in self.models:
            return error(404, f"The model `{body['model']}` does not exist.", "NotFoundError", "model", 404)
        if (limit := body.get("max_completion_tokens") or body.get("max_tokens", 0)) > self.context:
            return error(400, f"max_tokens is too large: {limit}.", "BadRequestError", None, 400)
        return None


@dataclass
class LlamaCpp(Product):
    """Has one model, whatever its name in the request, and lists it without a key."""

    models: Sequence[str] = ("/models/qwen3-8b-q4_k_m.gguf",)
    owner = "llamacpp"
    wrong_key = (401, {"error": {"code": 401, "message": "Invalid API Key", "type": "authentication_error"}})
    wrong_path = (404, {"error": {"code": 404, "message": "File Not Found", "type": "not_found_error"}})
    open_paths = ("/v1/models",)


@dataclass
class LMStudio(Product):
    """Answers unknown paths with 200 and an error, and an unknown model with 400."""

    models: Sequence[str] = ("qwen/qwen3-8b", "openai/gpt-oss-20b", "text-embedding-nomic-embed-text-v1.5")
    is_loaded: bool = True
    owner = "organization_owner"
    wrong_path = (200, {"error": "Unexpected endpoint or method. (POST /chat/completions)"})

    def refuse(self, body: dict[str, Any]) -> Said | None:
        if not self.is_loaded:
            said = "No models loaded. Please load a model in the developer page or use the 'lms load' command."
            return 400, {"error": said}
        if body["model"] in self.models:
            return None
        said = f'Invalid model identifier "{body["model"]}". Please specify a valid downloaded model (e.g., qwen3-8b).'
        return error(400, said, param="model", code="model_not_found")


@dataclass
class OpenAI(Product):
    """Knows its fields. Reasoning models have one temperature, the newer name of the limit, and no stop words."""

    models: Sequence[str] = ("gpt-4.1-mini", "gpt-5-mini")
    key: str | None = KEY
    owner = "system"
    wrong_path = (404, {"error": {"message": "Invalid URL (POST /chat/completions)", "code": None}})
    wrong_key = (
        401,
        {
            "error": {
                "message": "Incorrect API key provided: sk-stand-*******. You can find your API key at "
                "https://platform.openai.com/account/api-keys.",
                "type": "invalid_request_error",
                "param": None,
                "code": "invalid_api_key",
            }
        },
    )

    def refuse(self, body: dict[str, Any]) -> Said | None:
        if body["model"] in self.models:
            return refuse_fields(body, reasons=body["model"].startswith("gpt-5"))
        said = f"The model `{body['model']}` does not exist or you do not have access to it."
        return error(404, said, code="model_not_found")


@dataclass
class Mistral(Product):
    """Rejects every field that it does not know, and an unknown model with 400."""

    models: Sequence[str] = ("mistral-small-latest", "mistral-large-latest")
    key: str | None = KEY
    owner = "mistralai"
    wrong_key = (401, {"detail": "Unauthorized"})
    wrong_path = (404, {"message": "no Route matched with those values"})

    def refuse(self, body: dict[str, Any]) -> Said | None:
        if body["model"] not in self.models:
            said = f"Invalid model: {body['model']}"
            return 400, {"object": "error", "message": said, "type": "invalid_model", "param": None, "code": "1500"}
        unknown = [name for name in ("stream_options", "max_completion_tokens") if name in body]
        if not unknown:
            return None
        detail = [{"type": "extra_forbidden", "loc": ["body", unknown[0]], "msg": "Extra inputs are not permitted"}]
        return 422, {"object": "error", "message": {"detail": detail}, "type": "invalid_request_error", "code": None}


@dataclass
class AzureOpenAI(Product):
    """Has deployments instead of models, lists base models, and has two forms of addresses.

    The dated form has the deployment in its path, wants api-version, and takes the key in the header api-key only.
    The form /openai/v1 takes the key in either header.
    """

    models: Sequence[str] = ("our-gpt-5-mini", "our-gpt-4.1")
    key: str | None = KEY
    owner = "azure"
    versions = ("2024-02-01", "2024-10-21")
    wrong_path = (404, {"error": {"code": "404", "message": "Resource not found"}})
    wrong_key = (
        401,
        {
            "error": {
                "code": "401",
                "message": "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide "
                "a valid key for an active subscription and use a correct regional API endpoint for your resource.",
            }
        },
    )

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        version, key = request.query.get("api-version"), request.headers.get("api-key")
        match request.path.strip("/").split("/"):
            case ["openai", "v1", *rest]:
                if self.key not in (key, bearer(request)):
                    return respond(self.wrong_key)
                if rest == ["models"]:
                    return respond((200, {"object": "list", "data": [{"id": "gpt-4o", "object": "model"}]}))
                if rest == ["chat", "completions"]:
                    body = await request.json()
                    return respond(self._complete(body, deployment=body["model"]))
            case ["openai", "deployments", deployment, "chat", "completions"] if version in self.versions:
                if self.key != key:
                    return respond(self.wrong_key)
                return respond(self._complete(await request.json(), deployment=deployment, version=version))
        return respond(self.wrong_path)

    def _complete(self, body: dict[str, Any], *, deployment: str, version: str | None = None) -> Said:
        self.requests.append(body)
        if deployment not in self.models:
            said = (
                "The API deployment for this resource does not exist. If you created the deployment within the last "
                "5 minutes, please wait a moment and try again."
            )
            return 404, {"error": {"code": "DeploymentNotFound", "message": said}}
        if version == "2024-02-01" and "stream_options" in body:
            return error(400, "Unrecognized request argument supplied: stream_options")
        verdict = event({"choices": [], "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}]})
        return refuse_fields(body, reasons="gpt-5" in deployment) or (200, verdict + PLAIN)


def serving(handler: Handler) -> AbstractAsyncContextManager[str]:
    """Serve every method and path, and yield scheme, host and port."""
    return serve("/{path:.*}", handler, "*")


def respond(said: Said) -> web.Response:
    status, content = said
    match content:
        case bytes():
            return web.Response(status=status, body=content, content_type="text/event-stream")
        case str():
            return web.Response(status=status, text=content)
        case _:
            return web.json_response(content, status=status)


def bearer(request: web.Request) -> str | None:
    kind, _, key = request.headers.get("Authorization", "").partition(" ")
    return key if kind == "Bearer" else None


def error(
    status: int, message: str, kind: str = "invalid_request_error", param: str | None = None, code: Any = None
) -> Said:
    return status, {"error": {"message": message, "type": kind, "param": param, "code": code}}


_FIELDS = {
    *("model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "temperature", "stop"),
    *("response_format", "reasoning_effort", "top_p", "seed"),
}


def refuse_fields(body: dict[str, Any], *, reasons: bool) -> Said | None:
    """Return what OpenAI says about the first field that is wrong for a model."""
    for name, value in body.items():
        if name not in _FIELDS:
            return error(400, f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
        if name == "stream_options" and not body.get("stream"):
            return error(400, "The 'stream_options' parameter is only allowed when 'stream' is enabled.", param=name)
        if reasons and name in ("max_tokens", "stop"):
            advice = " Use 'max_completion_tokens' instead." if name == "max_tokens" else ""
            said = f"Unsupported parameter: '{name}' is not supported with this model.{advice}"
            return error(400, said, param=name, code="unsupported_parameter")
        if reasons and name == "temperature" and value != 1:
            said = f"Unsupported value: 'temperature' does not support {value} with this model."
            said = f"{said} Only the default (1) value is supported."
            return error(400, said, param=name, code="unsupported_value")
    return None
