"""Networks as Keras has them: read from its files or its models, and written."""
