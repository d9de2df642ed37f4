"""Parses Markdown and its front matter."""
