"""Who may use the console: users, their roles, sessions and tokens, and the record of what each did."""
