"""Picks the writer by the settings."""

from service.generation.base import Generator
from service.writing.base import Writer
from service.writing.generate import GenerateWriter


def build_writer(generator: Generator) -> Writer:
    return GenerateWriter(generator)
