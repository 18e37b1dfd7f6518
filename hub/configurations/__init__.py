"""What each gate is to run, as the site wants it: kept, published to the gate, and held against what runs."""
