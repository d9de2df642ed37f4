"""Prompts as files `<name>/<version>.md`: the packaged ones, or a folder of one's own."""

from collections.abc import Mapping
from pathlib import Path

from rag.errors import Misconfigured
from service.prompting.base import PromptTemplate
from service.prompting.files import VARIABLES, read_prompt

PACKAGED = Path(__file__).parents[1] / "prompts"


class FolderPrompts:
    """Small files that are read once, at the start."""

    def __init__(self, folder: Path, variables: Mapping[str, frozenset[str]] = VARIABLES) -> None:
        self._folder = folder
        self._variables = variables

    async def load(self, name: str) -> Mapping[str, PromptTemplate]:
        known = self._variables[name]
        paths = sorted((self._folder / name).glob("*.md"))
        try:
            found = {path.stem: read_prompt(name, path.stem, path.read_text(), known=known) for path in paths}
        except (OSError, UnicodeDecodeError) as error:
            raise Misconfigured(f"A prompt cannot be read: {error}") from error
        if not found:
            raise Misconfigured(f"{self._folder / name} has no prompts (<version>.md). Is RAG_PROMPT__FOLDER right?")
        return found
