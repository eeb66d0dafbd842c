"""The verbs as `import compsel` gives them: one function each, named and with options as on the command line."""
