def distribute_value(dz, shape):
    rows, columns = shape
    share = dz / (rows * columns)
    window = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            window[i, j] = share
    return window
