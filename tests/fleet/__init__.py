"""Tests of the fleet, which share a maker of random accounts."""
