"""Answers to questions whose answers are known: found, cited, grounded, refused."""
