"""Backbones: load one, build the tiny one, turn conversations into tensors."""
