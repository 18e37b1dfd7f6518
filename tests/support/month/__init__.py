"""A simulated month at a hub: what it hears, what its people do, what is true of it, and what it says of it."""
