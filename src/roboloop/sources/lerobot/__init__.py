"""lerobot: the layout of huggingface/lerobot, read (2.0, 2.1 and 3.0) and written (3.0)."""
