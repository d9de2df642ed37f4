"""The inbox as Redis Streams."""
