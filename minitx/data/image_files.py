"""Pictures from users' files: a PNG, or an array saved with ``np.save``, becomes red, green and blue between 0 and 1.

An array may be grey (H, W) or (H, W, 1), coloured (H, W, 3), or coloured and partly transparent (H, W, 4); or its
channels may come first, as everywhere in minitx. What shows through a transparent pixel is white paper.
Lecture concept: tiny DETR (D0 D1 D3 D4); `minitx detect` reads with it. Notebook: 22.
"""

import numpy as np

from minitx.data.files import existing_file, malformed_file

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
FULL_LIGHT = {np.dtype(bool): 1, np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}


def read_image(path):
    """Read a picture from a PNG or from an array that ``np.save`` wrote. Nothing in the file is ever executed.

    Parameters
    ----------
    path : str or Path
        Its ending has to be ``.png`` or ``.npy``. Arrays hold bytes 0-255, 16-bit numbers 0-65535, bool, or
        floating-point numbers 0-1.

    Returns
    -------
    ndarray, float32, (3, H, W)
        Red, green and blue, 0-1.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If no file lies there.
    ValueError
        If the file is of another kind, damaged or cut short, or its array is empty, of another shape or dtype, or holds
        what is no pixel.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(folder + "/grey.npy", np.array([[0, 255], [51, 255]], dtype=np.uint8))
    ...     image = read_image(folder + "/grey.npy")
    >>> image.shape, image[1]
    ((3, 2, 2), array([[0. , 1. ],
           [0.2, 1. ]], dtype=float32))
    """
    path = existing_file(path)
    readers = {".png": _read_png, ".npy": _read_npy}
    if path.suffix.lower() not in readers:
        raise malformed_file(path, "ending", ".png or .npy", path.suffix or "none", "Save the picture as one of them.")
    return _as_rgb(path, readers[path.suffix.lower()](path))


def _read_png(path):
    """Return the pixels of a PNG as matplotlib gives them: floats 0-1, (H, W) or (H, W, 3 or 4)."""
    from matplotlib.image import imread

    with path.open("rb") as file:
        start = file.read(len(PNG_SIGNATURE))
    if start != PNG_SIGNATURE:
        raise malformed_file(path, "signature", PNG_SIGNATURE.hex(" "), start.hex(" ") or "nothing", "This is no PNG.")
    try:
        return imread(path, format="png")
    except Exception as error:  # its reader, Pillow, raises errors of many kinds
        reason = str(error).rstrip(".") or type(error).__name__
        raise malformed_file(path, "PNG", "a whole picture", reason, "Save or copy the file again.") from None


def _read_npy(path):
    """Return the array of a file, mapped rather than read, so that no header makes us allocate what is not there."""
    advice = "Write it with np.save(path, array); lists of pictures and Python objects are not read."
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise malformed_file(path, "array", "one that np.save wrote", str(error).partition("\n")[0], advice) from None
    if not isinstance(array, np.ndarray):
        array.close()
        raise malformed_file(path, "array", "one that np.save wrote", "an archive of arrays", advice)
    return array


def _as_rgb(path, pixels):
    """Return pixels of any accepted shape and dtype as float32 (3, H, W)."""
    if pixels.ndim == 3 and pixels.shape[2] not in (1, 3, 4) and pixels.shape[0] in (1, 3, 4):
        pixels = pixels.transpose(1, 2, 0)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    shapes = "(H, W), (H, W, 1), (H, W, 3), (H, W, 4), or channels first"
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or pixels.size == 0:
        found = f"{pixels.shape}" + (", no pixel at all" if pixels.size == 0 else "")
        raise malformed_file(path, "shape", shapes, found, "Pass one picture; array[0] takes the first of a batch.")
    if pixels.dtype not in FULL_LIGHT and pixels.dtype.kind != "f":
        advice = "Convert bytes with array.astype(np.uint8), other amounts to floats between 0 and 1."
        raise malformed_file(path, "dtype", "uint8, uint16, bool or floating-point", f"{pixels.dtype}", advice)
    if pixels.dtype.kind == "f":
        advice = "Divide amounts up to 255 by 255, and replace what is not a number before saving."
        if not np.isfinite(pixels).all():
            wrong = tuple(np.argwhere(~np.isfinite(pixels))[0].tolist())
            raise malformed_file(path, "pixel", "0 to 1", f"{pixels[wrong]} at {wrong}", advice)
        if pixels.min() < 0 or pixels.max() > 1:
            raise malformed_file(path, "pixel", "0 to 1", f"{pixels.min():g} to {pixels.max():g}", advice)
    light = np.asarray(pixels).astype(np.float32) / np.float32(FULL_LIGHT.get(pixels.dtype, 1))
    colours, cover = light[..., :3], light[..., 3:]
    if cover.shape[2]:
        colours = 1 + cover * (colours - 1)  # over white paper
    return np.ascontiguousarray(np.broadcast_to(colours, (*colours.shape[:2], 3)).transpose(2, 0, 1))
