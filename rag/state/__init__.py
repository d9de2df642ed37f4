"""Shared state: small records that all processes of an installation see, such as conversations."""
