"""The gate agent: reads a gate's devices, decides at the barrier, and loses no event. It needs no hub to decide."""
