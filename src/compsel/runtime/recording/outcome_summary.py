"""What recorded outcomes say of a policy: how often it was right, beside how often it expected to be."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["outcomes_in_words"]


def outcomes_in_words(records: "pd.DataFrame") -> str:
    """Return what the outcomes in records say, in a line; "" where they hold none.

    >>> import pandas
    >>> outcomes_in_words(pandas.DataFrame({"id": ["a-1", "a-1", "a-2", "a-3"], "stage": [0, 1, 0, 0],
    ...     "right": [1.0, 1.0, 0.5, None], "probability_right": [0.4, 0.9, 0.8, 0.7]}))
    'outcomes of 2 of 3 answers: 75.0 % right, 85.0 % were expected of these, 80.0 % of all'
    """
    if "right" not in records or "id" not in records or not records["right"].notna().any():
        return ""
    answers = records.sort_values("stage").drop_duplicates("id", keep="last")
    judged = answers[answers["right"].notna()]
    said = f"outcomes of {len(judged)} of {len(answers)} answers: {100 * judged['right'].mean():.1f} % right"
    if not judged["probability_right"].notna().any():
        return said  # a policy of one variant expects nothing of an input
    of_these, of_all = (100 * part["probability_right"].mean() for part in (judged, answers))
    return f"{said}, {of_these:.1f} % were expected of these, {of_all:.1f} % of all"
