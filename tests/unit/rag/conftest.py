"""Logging, which a program configures for its whole process."""

import logging

import pytest
import structlog


@pytest.fixture
def logging_restored():
    """Undo what `run_program` configures for the whole process."""
    configuration, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    structlog.configure(**configuration)
    root.handlers = handlers
    root.setLevel(level)
