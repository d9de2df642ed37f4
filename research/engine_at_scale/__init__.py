"""The embedded engine with up to millions of points."""
