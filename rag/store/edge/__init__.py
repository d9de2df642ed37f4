"""Qdrant's engine in this process, with published revisions."""
