"""A factory that never existed: people, vehicles, weather and faults, as drivers of the edge, and the truth to judge by."""
