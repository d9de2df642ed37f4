"""Committed measurements agree with the code and the plans that use them."""
