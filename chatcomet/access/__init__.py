"""Who may come in: identities and sessions."""
