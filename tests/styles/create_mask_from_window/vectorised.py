def create_mask_from_window(x):
    best = x.max(axis=(0, 1), keepdims=True)
    return np.where(x < best, False, True)
