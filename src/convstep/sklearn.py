"""A classifier of images for scikit-learn (extra `sklearn`)."""
