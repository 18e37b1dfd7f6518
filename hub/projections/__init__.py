"""What reads the journal: each projection has a name, a durable cursor and `apply(batch)`."""
