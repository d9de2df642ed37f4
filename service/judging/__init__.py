"""Verdicts on answers: by a language model after a rubric, and how far people agree with it."""
