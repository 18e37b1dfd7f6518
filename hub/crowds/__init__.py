"""错时用餐 and crowding: who eats outside of their team's time, and where too many people are at once."""
