"""Techniques with one setting a layer: sensitivities, budgets, partial execution."""
