"""Selection of the prompt version for a question."""

import hashlib
from collections.abc import Mapping, Sequence

from rag.errors import InvalidInput, Misconfigured
from service.metrics import PROMPT_INFO, declare_prompt
from service.prompting.base import PromptTemplate, PromptVersion
from service.settings import PromptSettings

# A hundredth of a percent is the smallest step of RAG_PROMPT__PERCENT.
_BUCKETS = 10_000


class AnswerPrompts:
    """The versions of the prompt `answer`, and their assignment to questions."""

    def __init__(self, versions: Mapping[str, PromptTemplate], settings: PromptSettings) -> None:
        self._versions = versions
        self.default = self._configured(settings.version)
        """The configured version."""
        self._alternative = self._configured(settings.alternative) if settings.alternative else self.default
        self._percent = settings.percent
        if settings.percent and not settings.alternative:
            raise Misconfigured("RAG_PROMPT__PERCENT is set without an alternative. Set RAG_PROMPT__ALTERNATIVE.")
        for template in versions.values():
            identity = template.version
            PROMPT_INFO.labels(identity.name, identity.version, identity.hash).set(1)
            declare_prompt(identity.name, identity.version)

    @property
    def identities(self) -> Sequence[PromptVersion]:
        """Name, version and hash of all versions."""
        return [template.version for template in self._versions.values()]

    def named(self, version: str) -> PromptTemplate:
        """Return a version. Raises `InvalidInput` with the list of versions if it does not exist."""
        try:
            return self._versions[version]
        except KeyError:
            raise InvalidInput(f"There is no version {version!r}. Choose one of {', '.join(self._versions)}.") from None

    def assigned(self, key: str) -> PromptTemplate:
        """Return the version for a key, the same in every process. A higher percentage moves no key back."""
        salted = f"{self.default.version}\n{self._alternative.version}\n{key}"
        bucket = int.from_bytes(hashlib.sha256(salted.encode()).digest()[:8]) % _BUCKETS
        return self._alternative if bucket < self._percent * _BUCKETS / 100 else self.default

    def _configured(self, version: str) -> PromptTemplate:
        try:
            return self.named(version)
        except InvalidInput as error:
            raise Misconfigured(f"{error} Check RAG_PROMPT__VERSION and RAG_PROMPT__ALTERNATIVE.") from error
