"""What trains a model: losses, optimizers, schedules, metrics, callbacks and batches. Nothing here knows what a layer or a model is."""
