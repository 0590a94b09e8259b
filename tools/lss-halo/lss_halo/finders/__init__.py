"""Halo finders: friends of friends and spherical overdensities."""
