"""Picks the registry of prompts by the settings."""

from service.prompting.base import PromptRegistry
from service.prompting.folder import PACKAGED, FolderPrompts
from service.settings import PromptSettings


def build_registry(settings: PromptSettings) -> PromptRegistry:
    return FolderPrompts(settings.folder or PACKAGED)
