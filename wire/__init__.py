"""What crosses the wire, and nothing else: events, messages, topics, tokens, and the link that carries them."""
