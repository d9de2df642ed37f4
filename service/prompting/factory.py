"""Picks the registry of prompts by the settings."""

import aiohttp

from service.prompting.base import PromptRegistry
from service.prompting.folder import PACKAGED, FolderPrompts
from service.prompting.mlflow import MlflowPrompts
from service.prompting.mlflow_client import Mlflow
from service.settings import Settings


def build_registry(settings: Settings, session: aiohttp.ClientSession) -> PromptRegistry:
    """Raises `Misconfigured` where MLflow is to keep the prompts and nobody says where it is."""
    match settings.prompt.registry:
        case "folder":
            return FolderPrompts(settings.prompt.folder or PACKAGED)
        case "mlflow":
            return MlflowPrompts(Mlflow(session, settings.mlflow))
