"""Alembic: how the relational store came to be as it is. Run by `hub.database.upgrade`."""
