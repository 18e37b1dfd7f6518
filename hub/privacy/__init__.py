"""What is held about people: for how long, how it is erased, and how it is given to whom it is about."""
