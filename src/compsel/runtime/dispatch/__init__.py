"""The path of every answer: run a stage, look at what it says, stop or go on."""
