"""The judge: what a hub kept and did, held against the truth."""
