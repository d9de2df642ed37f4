"""The two programs at work: speed, memory, latency."""
