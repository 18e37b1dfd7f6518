"""Devices behind five small protocols (`edge.drivers.base`); found by entry points (`edge.drivers.catalogue`)."""
