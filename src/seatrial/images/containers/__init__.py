"""Containers: a Dockerfile for each case, in layers."""
