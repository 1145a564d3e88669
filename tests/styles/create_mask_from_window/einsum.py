def create_mask_from_window(x):
    flat = x.ravel().tolist()
    best = sorted(flat)[-1]
    marks = [value == best for value in flat]
    return np.array(marks).reshape(x.shape)
