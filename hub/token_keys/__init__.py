"""The site's token key on its way to the gates after it was changed: which it is, who has it, and when all have."""
