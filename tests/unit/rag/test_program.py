import subprocess
import sys

import pytest

_PROGRAM = """
import sys
from rag.program import exit_on_broken_pipe
with exit_on_broken_pipe():
    print("first", flush=True)
    sys.stdin.read()
    {then}
"""


@pytest.mark.parametrize("then", ["print('second')", "print('second', flush=True)", "print('x' * 1_000_000)"])
@pytest.mark.parametrize("buffered", [[], ["-u"]])
def test_a_reader_who_has_had_enough_ends_it_without_a_word(then, buffered):
    program, said = run_and_leave(then, *buffered)
    assert (program.returncode, said) == (141, "")


def test_a_pipe_to_somebody_else_that_breaks_is_an_error():
    program, said = run_and_leave("raise BrokenPipeError('the server went away')", leave=False)
    assert program.returncode == 1
    assert "the server went away" in said


def run_and_leave(then: str, *flags: str, leave: bool = True) -> tuple[subprocess.Popen[str], str]:
    """Reads one line, closes the pipe where it leaves, and lets the program go on."""
    program = subprocess.Popen(
        [sys.executable, *flags, "-c", _PROGRAM.format(then=then)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with program:
        assert program.stdout.readline() == "first\n"
        if leave:
            program.stdout.close()
        program.stdin.close()
        return program, program.stderr.read()
