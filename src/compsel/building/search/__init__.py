"""Search per-layer settings of a technique for a goal: measure, go where it costs least, keep the Pareto front."""

from compsel.building.search.points import SearchPoint, pareto_front
from compsel.building.search.search import SearchResult, search

__all__ = ["SearchPoint", "SearchResult", "pareto_front", "search"]
