"""Which way of cutting documents finds most of what answers, and how little else it brings along."""
