"""Thermal pictures of people with a fever: received from gates, kept for a set time, shown to who may see them."""
