"""Verdicts of a language model on answers, and its measured agreement with people (ADR 21)."""
