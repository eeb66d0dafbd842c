"""The logger of the library: `logging.getLogger("compsel")`, silent unless the app gives it a handler.

WARNING: something failed and another way was found; INFO: it is back, or what was loaded; DEBUG: every new plan.
"""

import logging

__all__ = ["LOGGER"]

LOGGER = logging.getLogger("compsel")
# without one, Python prints warnings of loggers that nobody has set up to standard error
LOGGER.addHandler(logging.NullHandler())
