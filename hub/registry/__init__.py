"""Who and what is registered at a site, and how the gates come to know it: a store, and its publisher."""
