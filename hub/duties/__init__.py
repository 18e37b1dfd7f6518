"""双测: who is on duty, who was measured how often, and who is missing."""
