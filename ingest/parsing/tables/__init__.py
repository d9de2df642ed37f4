"""Converts tables of every format to labelled rows."""
