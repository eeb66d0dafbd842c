"""Training on tables that do not fit memory: exact statistics in passes, a stated sample for the rest."""
