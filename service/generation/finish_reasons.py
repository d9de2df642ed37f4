"""Why a model stopped, in the words of each product."""

from collections.abc import Mapping

from service.generation.base import FinishReason

# The words of OpenAI first, then of TGI, vLLM, Anthropic, Cohere, Google, Mistral, Bedrock and Zhipu.
_REASONS: Mapping[FinishReason, str] = {
    "stop": "stop eos eos_token end_turn stop_sequence complete completed",
    "length": "length max_tokens max_length max_output_tokens model_length model_context_window_exceeded",
    "content_filter": (
        "content_filter content_filtered safety recitation prohibited_content blocklist spii refusal blocked "
        "guardrail_intervened sensitive"
    ),
}
_REASON_OF = {word: reason for reason, words in _REASONS.items() for word in words.split()}
# Of vLLM, SGLang, DeepSeek, Zhipu and Cohere.
_BREAKS = frozenset(
    ("error", "abort", "aborted", "cancelled", "canceled", "insufficient_system_resource", "network_error", "timeout")
)


def to_finish_reason(word: str) -> FinishReason | None:
    """Return the reason, or None if the word is not known."""
    return _REASON_OF.get(_first_part(word))


def is_break(word: str) -> bool:
    """Return True if the server stopped, and not the model."""
    return _first_part(word) in _BREAKS


def _first_part(word: str) -> str:
    """Return the word without what Google adds, as in `content_filter: RECITATION`."""
    return word.lower().partition(":")[0]
