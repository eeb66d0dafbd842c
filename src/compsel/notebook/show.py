"""`compsel.show(x)`: shows a result where somebody looks."""

import sys
from typing import Any

from compsel.notebook.explanation import explain
from compsel.runtime.answer import Answer

__all__ = ["show"]


def show(result: Any) -> None:
    """Show a result: in a notebook as HTML, elsewhere as text; an answer with how it came about.

    Args:
        result: an answer, a runtime, a bundle, a profile, an evaluation, what training gave, or an explanation.
    """
    shown = explain(result) if isinstance(result, Answer) and result.planned is not None else result
    if "ipykernel" in sys.modules:
        from IPython.display import display

        if shown is not result:
            display(result)
        display(shown)
    else:
        print(shown)
