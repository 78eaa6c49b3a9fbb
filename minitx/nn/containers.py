"""Modules that hold modules: one after the other (`Sequential`), or in a list for you to call (`ModuleList`).

Sequential(f, g)(x) = g(f(x)). Children are named "0", "1", ... as in PyTorch, so that parameters keep their names.
Notebook: 00.
"""

from minitx.nn.module import Module


class ModuleList(Module):
    """A list of modules whose parameters are found, unlike those in a plain list.

    Parameters
    ----------
    modules : iterable of Module

    Raises
    ------
    TypeError
        If something in it is not a Module.

    Examples
    --------
    >>> from minitx.nn.linear import Linear
    >>> layers = ModuleList(Linear(4, 4) for _ in range(3))
    >>> len(layers), layers.num_parameters()
    (3, 60)
    >>> layers
    ModuleList()                                       60
    └─ 0-2: Linear(in_features=4, out_features=4)  3 x 20
    """

    def __init__(self, modules=()):
        super().__init__()
        for module in modules:
            self.append(module)

    def append(self, module):
        """Add a module at the end. Returns the list."""
        if not isinstance(module, Module):
            given = f"the class {module.__name__}" if isinstance(module, type) else f"a {type(module).__name__}"
            raise TypeError(
                f"{type(self).__name__}: entry {len(self)} is {given}, not a Module; "
                "write Sequential(Linear(8, 8), ReLU()) or ModuleList([Linear(8, 8), ReLU()])."
            )
        setattr(self, str(len(self)), module)
        return self

    def __len__(self):
        return sum(1 for _ in self)

    def __iter__(self):
        return (value for value in tuple(vars(self).values()) if isinstance(value, Module))

    def __getitem__(self, index):
        return ModuleList(list(self)[index]) if isinstance(index, slice) else list(self)[index]


class Sequential(ModuleList):
    """Modules that are called one after the other.

    Parameters
    ----------
    *modules : Module

    Examples
    --------
    >>> import numpy as np
    >>> from minitx.nn.linear import Linear
    >>> model = Sequential(Linear(4, 8), Linear(8, 2))
    >>> model(np.ones((5, 4), np.float32)).shape
    (5, 2)
    """

    def __init__(self, *modules):
        super().__init__(modules)

    def __getitem__(self, index):
        return Sequential(*list(self)[index]) if isinstance(index, slice) else list(self)[index]

    def forward(self, x):
        """Return the output of the last module."""
        for module in self:
            x = module(x)
        return x
