"""Cases of isolation, and what is done about them."""
