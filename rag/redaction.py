"""Removal of secrets from text that other programs wrote: error messages of servers and libraries, and addresses."""

import re
from dataclasses import dataclass

_HIDDEN = "***"
_NAME = r"(?:api[ _-]?key|token|secret|passw(?:or)?d|signature|credential)"
_PREFIXES = ("sk", "pk", "rk", "hf", "gw", "gsk", "xai", "nvapi", "pplx", "ghp", "gho", "xoxb", "xoxp")


@dataclass(frozen=True, slots=True)
class _Form:
    """One form of secrets."""

    hint: re.Pattern[str]
    """What lower-case text with such a secret contains. Looking for it is much faster than the pattern."""
    pattern: re.Pattern[str]
    replacement: str = _HIDDEN


_FORMS = (
    # A user and password in an address.
    _Form(re.compile("://"), re.compile(r"(?<=://)[^/\s\"'<>]+@"), f"{_HIDDEN}@"),
    # A parameter of an address, such as ?token=… or &X-Amz-Signature=….
    _Form(re.compile(r"\?"), re.compile(rf"(?i)([?&][\w-]*?(?:{_NAME}|key|sig|auth)=)[^&\s\"'<>]+"), rf"\1{_HIDDEN}"),
    # A header with credentials.
    _Form(re.compile("bearer|basic"), re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=*-]{6,}"), rf"\1 {_HIDDEN}"),
    # A key by its name, as in `api_key: …` and "API key provided: …". A number is a count, such as `first_token: 0.2`,
    # and ${…} is the name of a variable.
    _Form(
        re.compile(rf"{_NAME}(?: provided)?[\"']?\s*[:=]"),
        re.compile(
            rf"(?i)({_NAME}(?: provided)?[\"']?\s*[:=]\s*[\"']?)"
            rf"(?!-?[\d.]+(?:[\s\"',;&}}]|$)|\$\{{\w+\}})[^\s\"',;&}}]{{4,}}"
        ),
        rf"\1{_HIDDEN}",
    ),
    # A key by the form that its issuer gives it, also if a server has masked a part. `gw_` is this project's own.
    _Form(
        re.compile(rf"\b(?:{'|'.join(_PREFIXES)})[-_]"),
        re.compile(rf"\b(?:{'|'.join(_PREFIXES)})[-_][\w*.\u2026-]{{4,}}"),
    ),
    _Form(re.compile("aiza"), re.compile(r"\bAIza[\w-]{10,}")),
    # A JSON Web Token.
    _Form(re.compile("eyj"), re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*")),
)


def redact(text: str, *secrets: str) -> str:
    """Return the text without what looks like a secret, and without the given ones."""
    for secret in filter(None, secrets):
        text = text.replace(secret, _HIDDEN)
    lowered = text.lower()
    for form in _FORMS:
        if form.hint.search(lowered):
            text = form.pattern.sub(form.replacement, text)
    return text
