"""Jacobians, and the two products with which one gets by without them.

For y = f(x), going backward from y with any g gives Jᵀg, one *vector-Jacobian product*; a backward pass never computes
anything else. The full Jacobian J_ij = ∂y_i/∂x_j takes one backward pass for each of the m outputs, with g = e_i for
row i. (The slide that "sets the errors equal to the output activations" to get J goes back with g = y, and gets Jᵀy.)

For a network that reads a sequence, one such row is the *sequential Jacobian*: how one output k at one step t depends
on the inputs of all steps, (∂y_k^t/∂x^1, ∂y_k^t/∂x^2, ...). It shows how far, and to where, the network looks.

Source: Baydin et al. 2018, section 3.2; Graves 2012, section 4.4, for the sequential Jacobian; Pearlmutter 1994 for the
Hessian. Lecture concepts: implicit attention, sequential Jacobian (D4). Notebook: 04.
"""

import numpy as np

from minitx.autograd.backward import gradients_of
from minitx.autograd.tensor import Tensor


def vjp(function, *inputs):
    """Evaluate a function, and return with its outputs the map g -> Jᵀg, the vector-Jacobian product.

    Parameters
    ----------
    function : callable
        From Tensors to a Tensor, or to a tuple or list of Tensors.
    *inputs : array_like or Tensor
        Copied. Integer and boolean ones are passed on as constants.

    Returns
    -------
    outputs : ndarray, or tuple of ndarray
        The values of the function.
    pullback : callable
        `pullback(g)` gives Jᵀg with the shape of the input: an array for a single input, a tuple for several (None for
        constants). It takes as many `g` as there are outputs, each of the shape of its output, and may be called again
        and again.

    Raises
    ------
    GraphError
        From `pullback`, if an output was computed outside of the graph.
    ValueError
        From `pullback`, if `g` does not have the shape of the output.

    Examples
    --------
    >>> y, pullback = vjp(lambda x: x * x, np.array([1.0, 2.0]))
    >>> y, pullback(np.array([1.0, 10.0]))
    (array([1., 4.]), array([ 2., 40.]))
    """
    tensors = [_leaf(x) for x in inputs]
    result = function(*tensors)
    several = isinstance(result, (tuple, list))
    outputs = tuple(result) if several else (result,)
    wanted = [tensor for tensor in tensors if tensor.requires_grad]

    def pullback(*gradients):
        if len(gradients) != len(outputs):
            raise ValueError(
                f"pullback: the function has {len(outputs)} outputs, but {len(gradients)} gradients were given; "
                "give one for each, of its shape."
            )
        totals = [np.zeros_like(tensor.data) for tensor in wanted]
        for output, g in zip(outputs, gradients):
            found = gradients_of(output, wanted, g, retain_graph=True)
            totals = [total if part is None else total + part for total, part in zip(totals, found)]
        left = iter(totals)
        products = tuple(np.asarray(next(left)) if tensor.requires_grad else None for tensor in tensors)
        return products if len(products) > 1 else products[0]

    values = tuple(output.numpy() if isinstance(output, Tensor) else np.asarray(output) for output in outputs)
    return values if several else values[0], pullback


def jacobian(function, x):
    """Return the full Jacobian ∂y_i/∂x_j of a function of one array, by one backward pass for each output.

    One backward pass alone cannot give it. The recipe on the slide, "errors = output activations", goes backward once
    with g = y, which is `vjp`'s `pullback(y)`: (Jᵀy)_j = Σ_i y_i ∂y_i/∂x_j, the m rows added up into one.

    Parameters
    ----------
    function : callable
        From a Tensor to a Tensor.
    x : array_like or Tensor
        Where to differentiate. Copied.

    Returns
    -------
    ndarray
        Of shape `y.shape + x.shape`.

    Raises
    ------
    GraphError
        If the function computes its output outside of the graph.
    TypeError
        If `x` holds integers, or the function returns anything but one Tensor.

    Examples
    --------
    >>> x = np.array([1.0, 2.0])
    >>> jacobian(lambda x: x[0] * x, x)
    array([[2., 0.],
           [2., 1.]])
    >>> y, pullback = vjp(lambda x: x[0] * x, x)
    >>> pullback(y)
    array([6., 2.])
    """
    x = Tensor(x, requires_grad=True)
    y = function(x)
    if not isinstance(y, Tensor):
        raise TypeError(
            f"jacobian: the function returned a {type(y).__name__}; let it return one Tensor, made from its argument."
        )
    rows = np.zeros((y.size, *x.shape), x.dtype)
    for i in range(y.size):
        unit = np.zeros(y.shape, y.dtype)
        unit.flat[i] = 1
        (found,) = gradients_of(y, [x], unit, retain_graph=True)
        rows[i] = 0 if found is None else found
    return rows.reshape(y.shape + x.shape)


def sequential_jacobian(function, x, step, output):
    """Return how one output of a sequence model depends on the inputs of all steps, ∂y_k^t/∂x^t' for all t'.

    One backward pass, for the whole batch: the sequences do not influence each other, so each keeps its own row. (In a
    model where they do, such as one with batch norm in training, the rows of a batch add up; give one sequence then.)

    Parameters
    ----------
    function : callable
        From a Tensor (B, T, I) to a Tensor (B, T, K): T steps of I inputs and K outputs.
    x : array_like or Tensor
        Shape (B, T, I): where to differentiate. Copied.
    step : int or array_like of int
        The step t of the output, from 0; one for all sequences, or one for each, (B,).
    output : int
        Which of the K outputs.

    Returns
    -------
    ndarray
        Shape (B, T, I).

    Raises
    ------
    GraphError
        If the function computes its output outside of the graph.
    TypeError
        If `x` holds integers, or the function returns anything but one Tensor.
    ValueError
        If `x` and the outputs are not sequences of one batch, or there is no such step or output.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 4, 1)
    >>> sequential_jacobian(lambda x: x * x[:, ::-1], x, step=0, output=0)[..., 0]
    array([[4., 0., 0., 1.]])
    """
    x = Tensor(x, requires_grad=True)
    y = function(x)
    if not isinstance(y, Tensor):
        raise TypeError(
            f"sequential_jacobian: the function returned a {type(y).__name__}; let it return one Tensor, made from its "
            "argument (of what a recurrent layer returns, the outputs without the states: lambda x: layer(x)[0])."
        )
    if y.ndim != 3 or x.ndim != 3 or len(y) != len(x):
        raise ValueError(
            f"sequential_jacobian: x has shape {x.shape} and the function gave {y.shape}; both must be sequences "
            "of one batch, (B, T, inputs) and (B, T, outputs). For a single sequence give x[None]."
        )
    sequences, steps, outputs = y.shape
    step = np.asarray(step)
    fits = step.dtype.kind in "iu" and step.shape in ((), (sequences,)) and ((0 <= step) & (step < steps)).all()
    if not fits or output not in range(outputs):
        raise ValueError(
            f"sequential_jacobian: step={step.tolist()} and output={output!r} do not pick one of {steps} steps and "
            f"{outputs} outputs; count from 0, and give one step, or one for each of {sequences} sequences."
        )
    unit = np.zeros(y.shape, y.dtype)
    unit[np.arange(sequences), step, output] = 1
    (found,) = gradients_of(y, [x], unit, retain_graph=True)
    return np.zeros_like(x.data) if found is None else found


def hessian_vector_product(function, x, v):
    """Return H v, for the matrix H of second derivatives of a scalar function, without ever forming H.

    The gradient of a scalar is differentiated once more, from v: the Jacobian of the gradient is H, and H = Hᵀ.

    Parameters
    ----------
    function : callable
        From a Tensor to a Tensor with a single element.
    x : array_like or Tensor
        Where to differentiate. Copied.
    v : array_like
        Of the shape of `x`.

    Returns
    -------
    ndarray
        Of the shape of `x`.

    Raises
    ------
    GraphError
        If the function computes its output outside of the graph, or has no second derivatives.
    ValueError
        If `v` does not have the shape of `x`, or the function's output has more than one element.

    Examples
    --------
    >>> hessian_vector_product(lambda x: (x**3).sum(), np.array([1.0, 2.0]), np.array([1.0, 10.0]))
    array([  6., 120.])
    """
    x = Tensor(x, requires_grad=True)
    if np.shape(v) != x.shape:
        raise ValueError(f"hessian_vector_product: v has shape {np.shape(v)}, but x has {x.shape}; they must be equal.")
    (slope,) = gradients_of(function(x), [x], create_graph=True)
    if slope is None or not slope.requires_grad:  # a linear function
        return np.zeros_like(x.data)
    (product,) = gradients_of(slope, [x], v)
    return np.zeros_like(x.data) if product is None else product


def _leaf(x):
    """Copy an input into a Tensor that wants a gradient if it can have one."""
    tensor = Tensor(x)
    return Tensor(tensor, requires_grad=tensor.dtype.kind == "f")
