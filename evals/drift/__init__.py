"""Whether questions have changed: a test of two samples, what moved, and how good the test is."""
