"""Fashion-MNIST: 60,000 + 10,000 pictures of clothes in ten classes, by Zalando SE (MIT licence).

One rule: as Keras's `fashion_mnist`.
"""

from convstep.data.files import FilePath
from convstep.data.sets import IdxSet, Labelled, Source, load

__all__ = ["CLASS_NAMES", "load_data"]

CLASS_NAMES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")

FASHION_MNIST = IdxSet(
    name="fashion_mnist",
    sources=(
        # The hashes are of the files in Debian's package dataset-fashion-mnist.
        Source("train-images-idx3-ubyte", "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888", (60000, 28, 28)),
        Source("train-labels-idx1-ubyte", "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9", (60000,)),
        Source("t10k-images-idx3-ubyte", "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b", (10000, 28, 28)),
        Source("t10k-labels-idx1-ubyte", "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34", (10000,)),
    ),
    mirrors=(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
    ),
    places=("raw:FashionMNIST/raw", "fashion-mnist", "/usr/share/datasets/fashion-mnist"),
)


def load_data(*, from_file: FilePath | None = None) -> tuple[Labelled, Labelled]:
    """Load Fashion-MNIST: from this machine if it is there, else from the network (about 30 MB, once).

    Parameters
    ----------
    from_file : str or path, optional
        A folder with the four IDX files, raw or compressed with gzip, or an npz with ``x_train``, ``y_train``, ``x_test``
        and ``y_test``. They need not be the originals. Without it: the cache (the folder CONVSTEP_DATA, else the
        platform's), the folders of torchvision, Keras and Debian's package ``dataset-fashion-mnist``, then the mirrors;
        there, only the original bytes count.

    Returns
    -------
    x_train : (60000, 28, 28), uint8
        Grey values from 0 (background) to 255.
    y_train : (60000,), uint8
        The place of the class in `CLASS_NAMES`.
    x_test : (10000, 28, 28), uint8
    y_test : (10000,), uint8

    Raises
    ------
    DataError
        The files in `from_file` are missing, damaged or do not fit together.
    DataUnavailableError
        The set is not on this machine and no mirror delivered it.
    MissingExtraError
        It has to be downloaded, and the extra ``data`` is not installed.
    """
    return load(FASHION_MNIST, from_file)
