"""Drift of questions and documents: a two-sample test, and the questions or documents that changed."""
