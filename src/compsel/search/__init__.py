"""Search per-layer settings of a technique for a goal: measure, go where it costs least, keep the Pareto front."""

from compsel.search.points import Point, pareto_front
from compsel.search.search import SearchResult, search

__all__ = ["Point", "SearchResult", "pareto_front", "search"]
