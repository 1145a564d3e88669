def pool_backward(dA, cache, mode="max"):
    (A_prev, hparameters) = cache
    f = hparameters["f"]
    stride = hparameters["stride"]
    (m, n_H, n_W, n_C) = dA.shape
    rows = np.arange(n_H)[:, None] * stride + np.arange(f)
    columns = np.arange(n_W)[:, None] * stride + np.arange(f)
    place = (slice(None), rows[:, None, :, None], columns[None, :, None, :])
    dA_prev = np.zeros(A_prev.shape)
    if mode == "max":
        windows = A_prev[place]
        mask = windows == windows.max(axis=(3, 4), keepdims=True)
        np.add.at(dA_prev, place, np.einsum("ihwyxc,ihwc->ihwyxc", mask, dA))
    elif mode == "average":
        shares = np.ones((f, f)) / (f * f)
        np.add.at(dA_prev, place, np.einsum("yx,ihwc->ihwyxc", shares, dA))
    return dA_prev
