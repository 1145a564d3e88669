def pool_forward(A_prev, hparameters, mode="max"):
    (m, n_H_prev, n_W_prev, n_C) = A_prev.shape
    f = hparameters["f"]
    stride = hparameters["stride"]
    n_H = int(np.floor((n_H_prev - f) / stride)) + 1
    n_W = int(np.floor((n_W_prev - f) / stride)) + 1
    rows = np.arange(n_H)[:, None] * stride + np.arange(f)
    columns = np.arange(n_W)[:, None] * stride + np.arange(f)
    windows = A_prev[:, rows[:, None, :, None], columns[None, :, None, :], :]
    A = np.zeros((m, n_H, n_W, n_C))
    if mode == "max":
        A[:] = windows.max(axis=(3, 4))
    elif mode == "average":
        A[:] = np.einsum("ihwyxc->ihwc", windows) / (rows.shape[1] * columns.shape[1])
    cache = A_prev, hparameters
    return A, cache
