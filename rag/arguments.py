"""The parser of a command line."""

import argparse
from typing import NoReturn

from rag.logs import say_why_it_ends
from rag.settings import read_log_settings

_WRONG_ARGUMENTS = 2


class ArgumentParser(argparse.ArgumentParser):
    """A parser whose errors are log lines if RAG_LOG_FORMAT is json. Parsers of its commands do the same."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments, and end the program with status 2."""
        if read_log_settings().log_format == "json":
            say_why_it_ends(f"{self.prog}: {message}. `{self.prog} --help` describes the arguments.")
            self.exit(_WRONG_ARGUMENTS)
        super().error(message)
