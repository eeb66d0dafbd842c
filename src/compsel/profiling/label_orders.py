"""Orders in which labels may count the classes, beside the one of the model's outputs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LabelOrder", "label_orders"]

Classes = NDArray[np.int64]


@dataclass(frozen=True)
class LabelOrder:
    """One way in which labels may count the classes.

    Attributes:
        class_of: the class (n_classes,) that each label means; -1 where it means none.
        problem: what is wrong with the labels, and what to do; "" where they count as the model does.

    >>> label_orders(11)[1].of(np.array([0, 1, 2])).tolist()
    [1, 2, 3]
    """

    class_of: Classes
    problem: str = ""

    def of(self, labels: Classes) -> Classes:
        """Return the classes (n,) that labels (n,) mean; -1 for those beyond."""
        inside = (labels >= 0) & (labels < len(self.class_of))
        return np.where(inside, self.class_of[np.where(inside, labels, 0)], -1)


def label_orders(n_classes: int) -> list[LabelOrder]:
    """Return the orders that people get, the right one first.

    Args:
        n_classes: class scores of the model.
    """
    numbers = np.arange(n_classes)
    # as a folder by classes is listed: "0", "1", "10", "11", "2"
    listed = np.array(sorted(range(n_classes), key=str), np.int64)
    orders = [
        LabelOrder(numbers),
        LabelOrder(
            np.append(numbers[1:], -1),
            "the model has one class more, before the others (a background class, as in TensorFlow's networks with "
            "1,001): add 1 to every label",
        ),
        LabelOrder(
            np.append([-1], numbers[:-1]), "the labels count from 1, the model from 0: subtract 1 from every label"
        ),
    ]
    if not np.array_equal(listed, numbers):
        orders += [
            LabelOrder(
                listed,
                "the labels count the classes in alphabetical order (0, 1, 10, 11, 2), the model in that of the "
                "numbers: number them by value, or give the names in the model's order (--classes FILE)",
            ),
            LabelOrder(
                np.argsort(listed),
                "the model's classes are in alphabetical order (0, 1, 10, 11, 2), the labels in that of the numbers: "
                "number them in the model's order, or give the names in that order (--classes FILE)",
            ),
        ]
    return orders
