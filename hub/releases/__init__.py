"""Releases of the program for gates: kept, offered wave after wave, halted when one does not work.

`archive` and `cli` are also what makes and signs a release, away from the hub: `menshen release`.
"""
