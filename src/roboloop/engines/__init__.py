"""Ask a model: in process, or (later) over HTTP."""
