"""MNIST: 60,000 + 10,000 handwritten digits, by Yann LeCun, Corinna Cortes and Christopher J.C. Burges (CC BY-SA 3.0).

One rule: as Keras's `mnist`.
"""

from convstep.data.files import FilePath
from convstep.data.sets import IdxSet, Labelled, Source, load

__all__ = ["load_data"]

MNIST = IdxSet(
    name="mnist",
    sources=(
        Source("train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", (60000, 28, 28)),
        Source("train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", (60000,)),
        Source("t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7", (10000, 28, 28)),
        Source("t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", (10000,)),
    ),
    mirrors=("https://ossci-datasets.s3.amazonaws.com/mnist", "https://storage.googleapis.com/cvdf-datasets/mnist"),
    places=("raw:MNIST/raw", "mnist.npz"),
)


def load_data(*, from_file: FilePath | None = None) -> tuple[Labelled, Labelled]:
    """Load the MNIST digits: from this machine if they are there, else from the network (about 11 MB, once).

    Parameters
    ----------
    from_file : str or path, optional
        A folder with the four IDX files, raw or compressed with gzip, or Keras's ``mnist.npz``. They need not be the
        originals. Without it: the cache (the folder CONVSTEP_DATA, else the platform's), the folders of torchvision and
        Keras, then the mirrors; there, only the original bytes count.

    Returns
    -------
    x_train : (60000, 28, 28), uint8
        Grey values from 0 (background) to 255 (ink).
    y_train : (60000,), uint8
        The digits that were written, 0 to 9.
    x_test : (10000, 28, 28), uint8
        Images by other writers than those of the training images.
    y_test : (10000,), uint8
        Their digits.

    Raises
    ------
    DataError
        The files in `from_file` are missing, damaged or do not fit together.
    DataUnavailableError
        The set is not on this machine and no mirror delivered it.
    MissingExtraError
        It has to be downloaded, and the extra ``data`` is not installed.
    """
    return load(MNIST, from_file)
