"""The post-training loop for robot vision-language models."""

__version__ = "0.1.0"
