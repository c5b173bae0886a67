"""Checks: one function a rule, each yields Findings."""
