"""日报: one value with the figures of a day, and what is written from it: page, PDF, Excel, JSON and mail."""
