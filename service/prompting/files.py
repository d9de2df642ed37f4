"""The file format of prompts: front matter, then the system and the user message."""

import hashlib
import re
from dataclasses import replace

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rag.errors import Misconfigured
from service.prompting.base import PromptTemplate, PromptVersion, Template

VARIABLES = {
    "answer": frozenset({"passages", "question"}),
    "follow_up": frozenset({"history", "question"}),
    "grade": frozenset({"passages", "question"}),
    "plan": frozenset({"question"}),
    "repair": frozenset({"passages", "question"}),
    "reword": frozenset({"question", "query", "known"}),
    "rewrite": frozenset({"text", "question"}),
}
"""Variables that the code provides for each prompt."""

_FILE = re.compile(r"---\n(?P<front_matter>.*?)^---\n(?P<body>.*)\Z", re.DOTALL | re.MULTILINE)
_BODY = re.compile(r"\s*^## system\n(?P<system>.*?)^## user\n(?P<user>.*)\Z", re.DOTALL | re.MULTILINE)
_HASH_DIGITS = 12


class FrontMatter(BaseModel):
    """The front matter of a prompt. `models` and `changelog` are notes for people; the code ignores them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    purpose: str = Field(min_length=1)
    variables: list[str]
    models: str = Field(min_length=1)
    changelog: list[str] = Field(min_length=1)
    verdicts: dict[str, float] = {}
    """Only for rubrics: the score of each verdict."""


def read_prompt(name: str, version: str, text: str, *, known: frozenset[str]) -> PromptTemplate:
    """Parse a prompt file. Raises `Misconfigured` with the prompt and the error."""
    file = _FILE.match(text)
    if file is None:
        raise Misconfigured(f"Prompt {name}/{version}: the file must begin with front matter between `---` lines.")
    body = _BODY.match(file["body"])
    if body is None:
        raise Misconfigured(f"Prompt {name}/{version}: `## system` and `## user` must follow the front matter.")
    front_matter = _read_front_matter(name, version, file["front_matter"])
    template = build_template(
        name,
        version,
        purpose=front_matter.purpose,
        system=body["system"].strip(),
        user=body["user"].strip(),
        declared=frozenset(front_matter.variables),
        known=known,
    )
    return replace(template, verdicts=front_matter.verdicts)


def build_template(
    name: str,
    version: str,
    *,
    purpose: str,
    system: str,
    user: str,
    declared: frozenset[str] | None,
    known: frozenset[str],
) -> PromptTemplate:
    """Build a template. Raises `Misconfigured` for an unknown, an unused or an undeclared variable."""
    templates = Template(system), Template(user)
    if not all(template.is_valid() for template in templates):
        raise Misconfigured(f"Prompt {name}/{version}: a `{{{{` does not start a variable such as {{{{question}}}}.")
    used = {variable for template in templates for variable in template.get_identifiers()}
    if unknown := sorted((used | (declared or frozenset())) - known):
        raise Misconfigured(
            f"Prompt {name}/{version}: unknown variable {', '.join(unknown)}. Known are {', '.join(sorted(known))}."
        )
    if differing := sorted(used ^ declared if declared is not None else ()):
        raise Misconfigured(f"Prompt {name}/{version}: {', '.join(differing)} must be both declared and used.")
    digest = hashlib.sha256(f"{system}\0{user}".encode()).hexdigest()[:_HASH_DIGITS]
    identity = PromptVersion(name=name, version=version, hash=digest)
    return PromptTemplate(version=identity, purpose=purpose, system=templates[0], user=templates[1])


def _read_front_matter(name: str, version: str, text: str) -> FrontMatter:
    try:
        return FrontMatter.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise Misconfigured(f"Prompt {name}/{version}: the front matter is not YAML: {error}") from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise Misconfigured(f"Prompt {name}/{version}: the front matter is not valid: {faults}") from error
