"""Comparison of live questions and answers with a reference, to detect drift (ADR 28)."""
