"""Rubrics: prompts whose front matter names the verdicts."""

from collections.abc import Sequence
from pathlib import Path

from rag.errors import Misconfigured
from service.prompting.base import PromptTemplate
from service.prompting.folder import FolderPrompts

PACKAGED = Path(__file__).parents[1] / "rubrics"
POINTWISE = ("faithfulness", "relevance", "completeness")
"""Rubrics for one answer, by what they ask after."""
PAIRWISE = "preference"
"""The rubric for two answers to one question."""

_ONE = frozenset({"question", "passages", "answer"})
_TWO = frozenset({"question", "passages", "first", "second"})
_VARIABLES = dict.fromkeys(POINTWISE, _ONE) | {PAIRWISE: _TWO}


async def load_rubric(name: str, version: str = "") -> PromptTemplate:
    """The named version, or the newest. Raises `Misconfigured` for a rubric that is not there or has no verdicts."""
    if name not in _VARIABLES:
        raise Misconfigured(f"There is no rubric {name!r}; there are {', '.join(_VARIABLES)}.")
    found = await FolderPrompts(PACKAGED, _VARIABLES).load(name)
    newest = max(found, key=lambda known: (len(known), known))  # v10 comes after v9.
    rubric = found.get(version or newest)
    if rubric is None:
        raise Misconfigured(f"Rubric {name} has no version {version!r}; it has {', '.join(found)}.")
    if not rubric.verdicts:
        raise Misconfigured(f"Rubric {rubric.version}: its front matter names no verdicts.")
    return rubric


async def load_rubrics(names: Sequence[str] = POINTWISE) -> list[PromptTemplate]:
    """`name` or `name/version` each."""
    return [await load_rubric(*name.split("/", 1)) for name in names]
