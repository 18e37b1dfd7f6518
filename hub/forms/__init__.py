"""What people without an account tell by telephone: workers, cleaners, visitors to come."""
