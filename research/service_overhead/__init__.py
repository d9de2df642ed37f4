"""The time that the service adds to the sum of its parts."""
