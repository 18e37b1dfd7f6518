"""Devices behind four small protocols (`edge.drivers.base`); found by entry points (`edge.drivers.catalogue`)."""
