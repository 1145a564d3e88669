def pool_forward(A_prev, hparameters, mode="max"):
    m, height, width, channels = A_prev.shape
    size = hparameters["f"]
    step = hparameters["stride"]
    rows = int((height - size) / step + 1)
    cols = int((width - size) / step + 1)
    out = np.zeros((m, rows, cols, channels))
    for k in range(channels):
        for x in range(cols):
            left = step * x
            right = left + size
            for y in range(rows):
                top = step * y
                bottom = top + size
                for n in range(m):
                    values = A_prev[n, top:bottom, left:right, k].ravel()
                    if mode == "max":
                        out[n, y, x, k] = max(values)
                    elif mode == "average":
                        out[n, y, x, k] = values.sum() / values.size
    return out, (A_prev, hparameters)
