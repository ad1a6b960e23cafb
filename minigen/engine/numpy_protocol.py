"""How a Tensor behaves towards NumPy: array * tensor is answered by the tensor, np.exp(tensor) by a sentence.

NumPy would compute np.exp of anything it can turn into an array, and the history of the tensor would be lost without a word.
"""

operators = {}  # NumPy's name -> the operation behind Python's operator; filled by ops.py
functions = {}  # NumPy's name -> minigen's name


def _answer(tensor, function, method, *inputs, **kwargs):
    operator = operators.get(function.__name__)
    if operator is not None and method == "__call__" and not kwargs:
        return operator(*inputs)
    known = functions.get(function.__name__)
    cure = f"minigen.{known}(x)" if known else "operations of minigen, or tensor.numpy() to leave the tape"
    raise TypeError(f"np.{function.__name__} would lose the history of a Tensor: use {cure}")


class _OnlyOnTheClass:
    """NumPy asks the class for `__array_ufunc__` and finds `_answer`; CuPy asks the object, where None means: ask the other."""

    def __get__(self, tensor, cls):
        return None if tensor is not None else _answer


class NumPyProtocol:
    """What Tensor inherits."""

    __slots__ = ()
    __array_priority__ = 1000
    __array_ufunc__ = _OnlyOnTheClass()

    def __array_function__(self, function, types, args, kwargs):
        _answer(self, function, "function")

    def __array__(self, *args, **kwargs):
        raise TypeError(
            "a Tensor does not turn into an array by itself, its history would be lost: write tensor.numpy()"
        )

    def __dlpack__(self, **kwargs):
        """The memory of `data` for another library: torch.from_dlpack(tensor). BufferError where there is a history."""
        if self.node is not None:
            raise BufferError(
                "a Tensor with a history, or that asks for a gradient, is not handed to another library, which "
                "would not go on with it: hand over tensor.detach()"
            )
        return self.data.__dlpack__(**kwargs)

    def __dlpack_device__(self):
        return self.data.__dlpack_device__()

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        raise TypeError(TORCH)


TORCH = (
    "a Tensor of minigen and one of PyTorch meet, and each has a tape of its own: take x.detach().numpy() of "
    "PyTorch's, or torch.from_dlpack(tensor.detach()) of minigen's"
)
