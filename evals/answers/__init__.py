"""Evaluation of answers to questions with known answers."""
