"""The file form of a prompt: front matter, then the roles as they are sent."""

import hashlib
import re
from dataclasses import replace

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rag.errors import Misconfigured
from service.prompting.base import PromptTemplate, PromptVersion
from service.prompting.template import Template

VARIABLES = {
    "answer": frozenset({"passages", "question"}),
    "rewrite": frozenset({"text", "question"}),
}
"""What the code has to fill each prompt with."""

_FILE = re.compile(r"---\n(?P<front_matter>.*?)^---\n(?P<body>.*)\Z", re.DOTALL | re.MULTILINE)
_BODY = re.compile(r"\s*^## system\n(?P<system>.*?)^## user\n(?P<user>.*)\Z", re.DOTALL | re.MULTILINE)
_HASH_DIGITS = 12


class FrontMatter(BaseModel):
    """What stands above a prompt; nobody but people reads the hints and the changelog."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    purpose: str = Field(min_length=1)
    variables: list[str]
    models: str = Field(min_length=1)
    changelog: list[str] = Field(min_length=1)
    verdicts: dict[str, float] = {}
    """Rubrics only: what a judge may say, and the score it stands for."""


def read_prompt(name: str, version: str, text: str, *, known: frozenset[str]) -> PromptTemplate:
    """Raises `Misconfigured` that names the prompt and what is wrong with it."""
    file = _FILE.match(text)
    if file is None:
        raise Misconfigured(f"Prompt {name}/{version}: it must begin with front matter between two lines of `---`.")
    body = _BODY.match(file["body"])
    if body is None:
        raise Misconfigured(f"Prompt {name}/{version}: after the front matter come `## system` and `## user`.")
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
    """Raises `Misconfigured` for a variable that is not known, or is only declared or only used."""
    templates = Template(system), Template(user)
    if not all(template.is_valid() for template in templates):
        raise Misconfigured(f"Prompt {name}/{version}: a `{{{{` begins no variable such as {{{{question}}}}.")
    used = {variable for template in templates for variable in template.get_identifiers()}
    if unknown := sorted((used | (declared or frozenset())) - known):
        raise Misconfigured(
            f"Prompt {name}/{version}: unknown variable {', '.join(unknown)}; there are {', '.join(sorted(known))}."
        )
    if differing := sorted(used ^ declared if declared is not None else ()):
        raise Misconfigured(f"Prompt {name}/{version}: {', '.join(differing)} is declared or used, but not both.")
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
        raise Misconfigured(f"Prompt {name}/{version}: the front matter does not fit: {faults}") from error
