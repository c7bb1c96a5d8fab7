"""Start and watch a server for a trained model: vLLM or `transformers serve`."""
