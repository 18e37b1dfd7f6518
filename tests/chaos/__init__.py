"""Faults without mercy, with a seed and an oracle: `python -m tests.chaos --help`."""
