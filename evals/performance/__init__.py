"""Performance of the two programs: throughput, memory and latency."""
