"""One search over people, vehicles, visitors, cases and alerts, each for who may see it."""
