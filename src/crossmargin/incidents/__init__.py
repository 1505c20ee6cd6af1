"""Incidents: what happened to others, played through the engine with a seeded crowd and judged prices."""

from crossmargin.incidents.model import Incident, named_incidents, read_incident
from crossmargin.incidents.run import run

__all__ = ["Incident", "named_incidents", "read_incident", "run"]
