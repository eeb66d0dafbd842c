"""Judge a policy: what ships, and what is said of it, follows from the same comparison with the best single choice."""
