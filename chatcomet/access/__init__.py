"""Who may come in: identities, sessions, tickets; and what they may do: grants."""
