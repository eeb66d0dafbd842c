"""Calls that others wait for: a bounded queue before the threads that answer, and answers of many inputs in order."""
