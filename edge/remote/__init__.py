"""Configuration from afar: heard from the hub, tried, and confirmed or rolled back by the gate itself."""
