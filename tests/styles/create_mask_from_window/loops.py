def create_mask_from_window(x):
    rows, columns = x.shape
    best = x[0, 0]
    for i in range(rows):
        for j in range(columns):
            if x[i, j] > best:
                best = x[i, j]
    marks = np.zeros((rows, columns), dtype=bool)
    for p in range(rows):
        for q in range(columns):
            marks[p, q] = x[p, q] == best
    return marks
