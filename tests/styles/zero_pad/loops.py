def zero_pad(X, pad):
    count, height, width, channels = X.shape
    out = np.zeros((count, height + 2 * pad, width + 2 * pad, channels))
    for k in range(channels):
        for n in range(count):
            for row in range(height):
                for column in range(width):
                    out[n, row + pad, column + pad, k] = X[n, row, column, k]
    return out
