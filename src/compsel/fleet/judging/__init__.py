"""Which of two bundles a fleet is better off with, on records that neither was trained on."""
