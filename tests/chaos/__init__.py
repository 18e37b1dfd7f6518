"""Faults without mercy, with a seed and an oracle: `menshen chaos --help`."""
