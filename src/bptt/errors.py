"""The errors of this library: which argument, what was expected, what came, and the cure."""

MOST = 300  # characters of what came: an error is one line, not a dump of an array


class BpttError(ValueError):
    """Bad input, refused at the door. Every error the library raises on purpose is one of these.

    Args:
        argument: name of the argument, file or option at fault.
        expected: what it should have been.
        got: what it was; long words are cut, and several lines made one.
        cure: one sentence that says what to do about it.
    """

    def __init__(self, argument: str, expected: str, got: str, cure: str) -> None:
        got = " ".join(got.split())
        got = got if len(got) <= MOST else f"{got[: MOST - 2]} …"
        self.argument = argument
        self.expected = expected
        self.got = got
        self.cure = cure
        super().__init__(f"{argument}: expected {expected}, got {got}. {cure}")


class ShapeError(BpttError):
    """An array has the wrong number of axes or the wrong size along one of them."""


class DTypeError(BpttError):
    """An array is not of the floating-point or integer type that is needed."""


class NonFiniteError(BpttError):
    """A number that must be finite is NaN or infinite."""


class DivergenceError(NonFiniteError):
    """Training left the range of its numbers.

    Args:
        argument: what diverged.
        expected: what it should have been.
        got: what it was.
        cure: one sentence that says what to do about it.
        update: of the weights, counted from 1.
        parameter: whose gradient or value is not finite, or None.
        layer: in which the forward pass or the error signal grew beyond the type, or None.
        lag: at which the error signal did, or grew the most; None where the forward pass did.
        time: step in time at which the forward pass did, or None.

    Attributes:
        update, parameter, layer, lag, time: as above.
    """

    def __init__(
        self,
        argument: str,
        expected: str,
        got: str,
        cure: str,
        *,
        update: int,
        parameter: str | None = None,
        layer: str | None = None,
        lag: int | None = None,
        time: int | None = None,
    ) -> None:
        super().__init__(argument, expected, got, cure)
        self.update, self.parameter, self.layer, self.lag, self.time = (
            update, parameter, layer, lag, time,
        )  # fmt: skip


class OptionError(BpttError):
    """A name or number is outside the choices there are."""


class FileError(BpttError):
    """A file is missing, or is not what its name says."""


class ResidualError(BpttError):
    """The gradient by lag does not add up to the gradient: the result cannot be trusted."""


class AgreementError(BpttError):
    """Another library's numbers are not ours: there is nothing to judge."""
