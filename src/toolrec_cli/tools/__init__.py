"""Attribute-oriented tools. Tools propose; memory believes; the catalogue judges."""
