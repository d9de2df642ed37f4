"""The commands of `python -m service` besides serving: one file each, with its arguments and its body."""
