"""Who may speak at the site: its certificate authority, the gates' enrolment, and what the broker is told of both."""
