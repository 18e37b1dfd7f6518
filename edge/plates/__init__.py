"""Number plates read from pictures: `edge.plates.reader` is the way in. Pure functions on arrays."""
