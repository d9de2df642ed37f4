"""Which version of the answer's prompt a question gets."""

import hashlib
from collections.abc import Mapping

from rag.errors import InvalidInput, Misconfigured
from service.metrics import PROMPT_INFO
from service.prompting.base import PromptTemplate
from service.settings import PromptSettings

_BUCKETS = 10_000


class AnswerPrompts:
    """Every version of the prompt `answer`, the configured one, and the share of questions that get another."""

    def __init__(self, versions: Mapping[str, PromptTemplate], settings: PromptSettings) -> None:
        self._versions = versions
        self._default = self._configured(settings.version)
        self._alternative = self._configured(settings.alternative) if settings.alternative else self._default
        self._percent = settings.percent
        if settings.percent and not settings.alternative:
            raise Misconfigured("RAG_PROMPT__PERCENT needs a version to give: RAG_PROMPT__ALTERNATIVE.")
        for template in versions.values():
            identity = template.version
            PROMPT_INFO.labels(identity.name, identity.version, identity.hash).set(1)

    @property
    def default(self) -> PromptTemplate:
        """What whoever says nothing gets, outside an experiment."""
        return self._default

    def named(self, version: str) -> PromptTemplate:
        """Raises `InvalidInput` that lists what there is."""
        try:
            return self._versions[version]
        except KeyError:
            raise InvalidInput(f"There is no version {version!r}; there are {', '.join(self._versions)}.") from None

    def assigned(self, key: str) -> PromptTemplate:
        """The same key always gets the same version, in every process, for as long as the two versions stay.

        Raising the percentage moves keys to the alternative and none back.
        """
        salted = f"{self._default.version}\n{self._alternative.version}\n{key}"
        bucket = int.from_bytes(hashlib.sha256(salted.encode()).digest()[:8]) % _BUCKETS
        return self._alternative if bucket < self._percent * _BUCKETS / 100 else self._default

    def _configured(self, version: str) -> PromptTemplate:
        try:
            return self.named(version)
        except InvalidInput as error:
            raise Misconfigured(f"Prompt answer: {error} Are RAG_PROMPT__VERSION and __ALTERNATIVE right?") from error
