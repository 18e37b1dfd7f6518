"""Rules, lifecycle and notification: who must know, and whether they were told."""
