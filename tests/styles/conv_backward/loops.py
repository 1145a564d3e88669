def conv_backward(dZ, cache):
    A, W, b, hp = cache
    s = hp["stride"]
    p = hp["pad"]
    m, H, L, C = A.shape
    f = W.shape[0]
    rows, cols, filters = dZ.shape[1:]
    A_pad = np.zeros((m, H + 2 * p, L + 2 * p, C))
    A_pad[:, p : p + H, p : p + L, :] = A
    dA = np.zeros((m, H, L, C))
    dW = np.zeros((f, f, C, filters))
    db = np.zeros((1, 1, 1, filters))
    for n in range(m):
        a = A_pad[n]
        da = np.zeros((H + 2 * p, L + 2 * p, C))
        for k in range(filters):
            for y in range(rows):
                top = y * s
                bottom = top + f
                for x in range(cols):
                    left = x * s
                    right = left + f
                    g = dZ[n, y, x, k]
                    window = a[top:bottom, left:right, :]
                    da[top:bottom, left:right, :] += g * W[:, :, :, k]
                    dW[:, :, :, k] += g * window
                    db[0, 0, 0, k] += g
        dA[n] = da[p : p + H, p : p + L, :]
    return dA, dW, db
