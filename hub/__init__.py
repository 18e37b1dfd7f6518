"""The site's server: takes every event once and in order, keeps it, and tells whoever must know."""
