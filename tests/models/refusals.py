"""Whether a file is refused, and in which words."""

from bptt.errors import BpttError


def told(read, path):
    """Why a file is refused; "" where it is read."""
    try:
        read(path)
    except BpttError as error:
        return str(error)
    return ""
