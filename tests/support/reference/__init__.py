"""The pages of docs/reference, generated from the code.

`make reference` writes them. `tests/consistency/text/test_reference.py` fails when a page differs from the code.
"""
