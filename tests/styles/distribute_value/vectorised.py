def distribute_value(dz, shape):
    return np.full(shape, dz / np.prod(shape))
