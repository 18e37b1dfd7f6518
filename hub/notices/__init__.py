"""Word to the workers: notices to gates' screens and speakers, and to workers' telephones."""
