"""The verbs: measure, train, build, search, port."""
