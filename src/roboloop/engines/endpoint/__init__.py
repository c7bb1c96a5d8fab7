"""Ask a model behind any OpenAI-compatible endpoint for JSON, politely and within a budget."""
