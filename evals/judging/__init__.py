"""Judges: their agreement with people, and their scores of answers."""
