"""Selection of the prompt registry by the settings."""

import aiohttp

from service.prompting.base import PromptRegistry
from service.prompting.folder import PACKAGED, FolderPrompts
from service.prompting.mlflow import MlflowPrompts
from service.prompting.mlflow_client import MlflowClient
from service.settings import Settings


def build_registry(settings: Settings, session: aiohttp.ClientSession) -> PromptRegistry:
    """Build the registry. Raises `Misconfigured` for MLflow without RAG_MLFLOW__URI."""
    match settings.prompt.registry:
        case "folder":
            return FolderPrompts(settings.prompt.folder or PACKAGED)
        case "mlflow":
            return MlflowPrompts(MlflowClient(session, settings.mlflow))
