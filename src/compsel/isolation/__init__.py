"""Work in a process of its own: what ends that process is an error here, and not the end of the command.

ONNX Runtime and the libraries below it are native code: a defect there ends the whole process, and no `except` helps.
One worker process is started when it is first needed, and serves until it ends; the next call starts another.
"""
