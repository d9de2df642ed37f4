"""A prompt registry in a folder of files `<name>/<version>.md`."""

from collections.abc import Mapping
from pathlib import Path

from rag.errors import Misconfigured
from service.prompting.base import PromptTemplate
from service.prompting.files import VARIABLES, read_prompt

PACKAGED = Path(__file__).parents[1] / "prompts"


class FolderPrompts:
    """Reads prompts from a folder. The service reads them once, at the start."""

    def __init__(self, folder: Path, variables: Mapping[str, frozenset[str]] = VARIABLES) -> None:
        self._folder = folder
        self._variables = variables

    async def load(self, name: str) -> Mapping[str, PromptTemplate]:
        known = self._variables[name]
        paths = sorted((self._folder / name).glob("*.md"))
        try:
            versions = {path.stem: read_prompt(name, path.stem, path.read_text(), known=known) for path in paths}
        except (OSError, UnicodeDecodeError) as error:
            raise Misconfigured(f"A prompt file cannot be read: {error}. Check RAG_PROMPT__FOLDER.") from error
        if not versions:
            raise Misconfigured(f"{self._folder / name} contains no prompt (<version>.md). Check RAG_PROMPT__FOLDER.")
        return versions
