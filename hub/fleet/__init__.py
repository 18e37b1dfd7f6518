"""Several hub processes as one: shares of the gates by leases, one journal in PostgreSQL, one process that leads."""
