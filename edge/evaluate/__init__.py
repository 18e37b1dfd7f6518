"""How good the screening is, on labelled data. Figures only; nothing is tuned here."""
