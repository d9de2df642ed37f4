"""The generator contract on llama.cpp with the packaged model."""

import pytest

from service.settings import EmbeddedGeneratorSettings
from tests.support.contracts.generator import GeneratorContract

# Each test loads the model, which takes about a second on a quiet machine.
pytestmark = pytest.mark.slow


class TestEmbeddedGenerator(GeneratorContract):
    @pytest.fixture
    def generator_settings(self):
        return EmbeddedGeneratorSettings(slots=1, context_tokens=512)
