"""A factory that never existed: people, vehicles and faults, as drivers of the edge, and the truth to judge by."""
