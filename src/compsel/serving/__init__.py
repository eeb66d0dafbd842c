"""A bundle behind HTTP: a local page, the Open Inference Protocol, health and metrics.

Needs the extra `serve`. Nothing of it is imported by an app that runs a bundle.
"""
