"""A city's view: the daily figures of several sites, each read from its own hub."""
