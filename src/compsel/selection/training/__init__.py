"""Train policies, compare them by cross-validation, choose what ships."""
