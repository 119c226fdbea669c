"""The loss of a module on fixed rows, as a function of all its parameters in one vector, with its derivatives.

Everything is automatic differentiation: finite differences would step over the kinks of ReLU and pooling.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property, partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from unstuck.errors import ProgramError

_REPEATED = 1e-12  # relative difference of two passes up to which they agree


class Surface:
    """A loss surface in float64, whose parameters are one vector (P,).

    The module is in evaluation mode, so that neither dropout nor the rows of a batch make it another function at
    each look; two passes must agree.

    Args:
        module: (inputs) → outputs; it is copied by value, not changed.
        loss: (outputs, targets) → scalar, the mean over the rows.
        x: inputs (N, …).
        y: targets (N, …).
        dtype: float64 for eigenvalues; float32 suffices for a picture, and is a third of the work in convolutions.
    """

    def __init__(
        self,
        module: nn.Module,
        loss: Callable[[Tensor, Tensor], Tensor],
        x: Tensor,
        y: Tensor,
        *,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        self._module, self._loss = module, loss
        self._names = [name for name, tensor in module.named_parameters() if tensor.requires_grad]
        if not self._names:
            raise ProgramError("the model must have a parameter that learns, got none: all are frozen.")
        self._state = {
            name: tensor.detach().clone().to(dtype) if tensor.is_floating_point() else tensor.detach().clone()
            for name, tensor in (*module.named_parameters(), *module.named_buffers())
        }
        self._shapes = [self._state[name].shape for name in self._names]
        self._x = x.to(dtype) if x.is_floating_point() else x
        self._y = y.to(dtype) if y.is_floating_point() else y
        self.here = torch.cat([self._state[name].reshape(-1) for name in self._names])
        self.size = self.here.numel()
        first, second = (self.loss(self.here) for _ in range(2))
        if not abs(first - second) <= _REPEATED * max(abs(first), 1e-300) and first == first:
            said = f"got {first} and {second}: something in it is drawn anew"
            raise ProgramError(f"the loss must be the same at every look, {said}.")

    def _named(self, at: Tensor) -> dict[str, Tensor]:
        parts = at.split([shape.numel() for shape in self._shapes])
        return {name: part.view(shape) for name, part, shape in zip(self._names, parts, self._shapes, strict=True)}

    def _outputs(self, at: Tensor) -> Tensor:
        is_training = self._module.training
        self._module.eval()
        try:
            with _without_cudnn(self._module):
                return functional_call(self._module, {**self._state, **self._named(at)}, (self._x,))
        except RuntimeError as error:
            if "dtype" not in str(error):
                raise
            hint = "Cast inputs to the weights' type, x.to(self.weight.dtype), not by x.float()."
            raise ProgramError(
                f"the model must compute in the type of its weights, got: {error}. {hint}"
            ) from error
        finally:
            self._module.train(is_training)

    def _value(self, at: Tensor) -> Tensor:
        return self._loss(self._outputs(at), self._y)

    def loss(self, at: Tensor) -> float:
        """The loss at parameters (P,)."""
        with torch.no_grad():
            return float(self._value(at))

    def gradient(self) -> Tensor:
        """Of the loss by the parameters (P,)."""
        place = self.here.detach().requires_grad_()
        value = self._value(place)
        if not value.requires_grad:
            raise ProgramError(
                "the loss must depend on the model's parameters, got one that is cut off from them."
            )
        (slope,) = torch.autograd.grad(value, place)
        return slope

    @cached_property
    def _slope(self) -> tuple[Tensor, Tensor]:
        """The parameters, and the gradient as a graph over them, which every product goes back through."""
        place = self.here.detach().requires_grad_()
        (slope,) = torch.autograd.grad(self._value(place), place, create_graph=True)
        return place, slope

    def hessian(self, v: Tensor) -> Tensor:
        """The Hessian times a vector (P,): one product costs about one gradient. Pearlmutter 1994."""
        place, slope = self._slope
        if not slope.requires_grad:  # a loss that is linear in its parameters
            return torch.zeros_like(v)
        (product,) = torch.autograd.grad(slope, place, v, retain_graph=True, materialize_grads=True)
        return product

    @cached_property
    def _bend(self) -> tuple[Tensor, ...]:
        """Graphs of the outputs over the parameters, of Jᵀ u over u, and of the loss's gradient over outputs."""
        place = self.here.detach().requires_grad_()
        outputs = self._outputs(place)
        ahead = torch.zeros_like(outputs, requires_grad=True)
        (pulled,) = torch.autograd.grad(outputs, place, ahead, create_graph=True)
        end = outputs.detach().requires_grad_()
        (slope,) = torch.autograd.grad(self._loss(end, self._y), end, create_graph=True)
        return place, outputs, ahead, pulled, end, slope

    def gauss_newton(self, v: Tensor) -> Tensor:
        """Jᵀ (d²L/dy²) J times a vector (P,): the Hessian as if outputs were linear in the parameters.

        It has no negative eigenvalue where the loss is convex in the outputs.

        Source: Schraudolph 2002, doi:10.1162/08997660260028683.
        """
        place, outputs, ahead, pulled, end, slope = self._bend
        if not slope.requires_grad:  # a loss that is linear in the outputs
            return torch.zeros_like(v)
        back = partial(torch.autograd.grad, retain_graph=True, materialize_grads=True)
        (pushed,) = back(pulled, ahead, v)  # Jᵀ u is linear in u: its derivative times v is J v
        (bent,) = back(slope, end, pushed)
        (product,) = back(outputs, place, bent)
        return product

    # the same for those who know arrays only

    @property
    def rows(self) -> int:
        """That the loss is the mean of."""
        return len(self._y)

    def parts(self) -> list[np.ndarray]:
        """The parameters one by one, each in its own shape."""
        return [part.cpu().numpy() for part in self._named(self.here).values()]

    @property
    def length(self) -> float:
        """Of the parameters' vector."""
        return float(self.here.norm())

    def slope(self) -> np.ndarray:
        """The gradient (P,) here."""
        return self.gradient().cpu().numpy()

    def moved(self, step: np.ndarray) -> float:
        """The loss a step (P,) away from here."""
        return self.loss(self.here + self._tensor(step))

    def weights(self, step: np.ndarray) -> dict[str, np.ndarray]:
        """The parameters a step (P,) away from here, by name, in float32."""
        named = self._named((self.here + self._tensor(step)).float())
        return {name: part.cpu().numpy().copy() for name, part in named.items()}

    def product(self, v: np.ndarray) -> np.ndarray:
        """The Hessian times a vector (P,)."""
        return self.hessian(self._tensor(v)).cpu().numpy()

    def convex_product(self, v: np.ndarray) -> np.ndarray:
        """The Gauss–Newton matrix times a vector (P,)."""
        return self.gauss_newton(self._tensor(v)).cpu().numpy()

    def _tensor(self, v: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(v, np.float64).ravel()).to(self.here)


def _without_cudnn(module: nn.Module) -> AbstractContextManager[None]:
    """cuDNN's recurrent cells have no gradient in evaluation mode, and no second one at all: torch's own have."""
    is_recurrent = any(isinstance(part, nn.RNNBase) for part in module.modules())
    return torch.backends.cudnn.flags(enabled=False) if is_recurrent else nullcontext()
