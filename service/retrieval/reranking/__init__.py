"""Candidates into a better order: by a cross-encoder here, or by a server that has one."""
