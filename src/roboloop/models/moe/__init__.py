"""Mixture of experts: routed experts beside the dense layers of Qwen2.5-VL."""
