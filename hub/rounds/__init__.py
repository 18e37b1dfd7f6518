"""六个必消: which places are disinfected when, whether they were, and who did it."""
